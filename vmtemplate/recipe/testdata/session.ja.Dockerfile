# cfd: jbuild 1.2.3 で対話的に作成し、2026-04-01 に記録したものです。
# 作り直すには: jbuild replay cfd
# このディレクトリで、Dockerfile を読めるほかのプログラムを使うこともできます。

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
# 失敗したため除いたコマンド: touch partly; false（それでも変更されたファイル: 1 個）
RUN <<'END1'
cat > run.sh <<'EOF'
#!/bin/bash
echo "$1" \
END
EOF
END1
RUN chmod +x run.sh
# パスワードやトークンらしきものを含むコマンドを除きました。
RUN --mount=type=secret,id=HF_TOKEN export HF_TOKEN="$(cat /run/secrets/HF_TOKEN)" \
 && pip download --token $HF_TOKEN model
RUN V=1.2 \
 && echo "version $V" > version.txt \
 && cp version.txt /tmp/jbuild-test-$$ && rm /tmp/jbuild-test-$$
WORKDIR /
