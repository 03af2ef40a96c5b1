# Ferryman in a container: docker build -t ferryman .
# config/compose.yaml and config/kubernetes.yaml say how to run it.

FROM rust:1.95-slim-bookworm AS build
# jemalloc's build needs make; nothing else is needed beside the compilers of the image.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin ferryman

FROM debian:bookworm-slim
# Whom to trust when Synapse or Tuwunel are reached by https.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 ferryman \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/ferryman --shell /usr/sbin/nologin ferryman \
 && install -d -o ferryman -g ferryman -m 700 /var/lib/ferryman
COPY --from=build /src/target/release/ferryman /usr/local/bin/ferryman
USER 10001
# Where data and registration go if the configuration names no other place: put a volume here, or all that was done is
# forgotten with the container.
WORKDIR /var/lib/ferryman
# The bot, the resident, health and metrics: as far as the configuration lets them listen.
EXPOSE 29330 8449 9330
ENTRYPOINT ["ferryman"]
CMD ["run"]
