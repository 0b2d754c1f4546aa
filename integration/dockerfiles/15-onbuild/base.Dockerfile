ARG BASE
FROM $BASE
ONBUILD COPY given /from-context
ONBUILD RUN echo triggered >/triggered
ONBUILD ENV TRIGGERED=1
CMD ["parent"]
