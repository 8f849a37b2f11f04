# Builds every image from a clean checkout, for amd64 and arm64, without root and without emulation:
#   docker build --target zoom-operator -t IMAGE .             the operator (also without --target)
#   docker build --target zoom-receiver -t IMAGE-receiver .    the tenants' receivers
#   docker buildx build --platform linux/amd64,linux/arm64 ...
# `make image` packs what cargo built on this machine instead (image/Containerfile).

FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-slim-bookworm AS source
WORKDIR /source
# The image's own toolchain: rust-toolchain.toml would have it download rustfmt and clippy.
ENV RUSTUP_TOOLCHAIN=1.95.0 CARGO_TERM_COLOR=never
# Compilers for both targets, of which one is the machine's own. Debian removes old versions, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
      gcc-x86-64-linux-gnu libc6-dev-amd64-cross gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu \
 && cargo install --locked --root /usr/local cargo-auditable@0.7.7
COPY . .

FROM source AS build
ARG TARGETARCH
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CC_x86_64_unknown_linux_gnu=x86_64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
    RUSTFLAGS="-C target-feature=+crt-static"
# With --target, RUSTFLAGS do not concern build scripts and macros, which must stay dynamic. The list of dependencies is put
# into each binary, for scanners (cargo auditable).
RUN case "${TARGETARCH:-$(dpkg --print-architecture)}" in \
      amd64) target=x86_64-unknown-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu ;; \
      *) echo "no build for ${TARGETARCH}" >&2; exit 1 ;; \
    esac \
 && cargo auditable build --locked --release --target "$target" \
      --package zoom-operator --package zoom-receiver --bin zoom-operator --bin zoom-receiver \
 && mkdir /binaries \
 && cp "target/$target/release/zoom-operator" "target/$target/release/zoom-receiver" /binaries/

# The binaries are static and contain the certificate authorities: nothing else is needed.
FROM scratch AS binaries
COPY --from=build /binaries/ /

FROM scratch AS zoom-receiver
COPY --from=build /binaries/zoom-receiver /zoom-receiver
USER 65532:65532
ENTRYPOINT ["/zoom-receiver"]
LABEL org.opencontainers.image.title="zoom-receiver" \
      org.opencontainers.image.description="Receives one tenant's Zoom webhooks" \
      org.opencontainers.image.licenses="Apache-2.0"

# The last stage is what `docker build .` makes.
FROM scratch AS zoom-operator
COPY --from=build /binaries/zoom-operator /zoom-operator
USER 65532:65532
ENTRYPOINT ["/zoom-operator"]
LABEL org.opencontainers.image.title="zoom-operator" \
      org.opencontainers.image.description="Manages Zoom integrations as Kubernetes resources" \
      org.opencontainers.image.licenses="Apache-2.0"
