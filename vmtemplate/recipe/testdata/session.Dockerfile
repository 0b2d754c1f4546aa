# cfd, made by hand with jbuild 1.2.3 and written down on 2026-04-01.
# Make it again:  jbuild replay cfd
# or, in this directory, with any program that reads Dockerfiles.

FROM harbor.example.jp/base/debian:12@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1
SHELL ["/bin/bash", "-c"]
ARG DEBIAN_FRONTEND=noninteractive

WORKDIR /work
RUN apt-get update \
 && apt-get install -y gcc  g++
ENV OMP_NUM_THREADS="4"
ENV CFD_HOME="/opt/cfd"
ENV PATH="/opt/cfd/bin:${PATH}"
RUN mkdir -p src && cd src
WORKDIR /work/src
RUN git clone https://example.jp/cfd.git
RUN make -j4 && make install
COPY files/work/src/settings.conf /work/src/settings.conf
# Left out, because it failed: touch partly; false (files that it changed all the same: 1)
RUN <<'END1'
cat > run.sh <<'EOF'
#!/bin/bash
echo "$1" \
END
EOF
END1
RUN chmod +x run.sh
# Left out: a command with what looks like a password or a token.
RUN --mount=type=secret,id=HF_TOKEN export HF_TOKEN="$(cat /run/secrets/HF_TOKEN)" \
 && pip download --token $HF_TOKEN model
RUN V=1.2 \
 && echo "version $V" > version.txt \
 && cp version.txt /tmp/jbuild-test-$$ && rm /tmp/jbuild-test-$$
WORKDIR /
