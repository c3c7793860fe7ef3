#!/bin/sh
# Installs what a bare Debian machine lacks to build Clausum; silent when nothing is missing.
#
#   bootstrap.sh [COMPONENT…]     what is needed besides: rustfmt and clippy, components of the Rust toolchain;
#                                 kafka, what deploy/kafka/kafka.py runs a broker with; chaos, what
#                                 deploy/chaos.sh needs besides
#
# Debian packages come through apt-get (with sudo when not root), Rust through rustup, and only if there is
# no cargo at all: an installed toolchain is never changed but for a component that was asked for.
set -eu

RUST_MINOR=95
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

say() { echo "bootstrap: $*"; }

fail() {
    echo "bootstrap: $*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

has_libclang() {
    for library in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/libclang*.so* \
        "${LIBCLANG_PATH:-/nonexistent}"/libclang*; do
        [ -e "$library" ] && return 0
    done
    return 1
}

has_openssl() {
    [ -e /usr/include/openssl/ssl.h ] || [ -n "${OPENSSL_DIR:-}" ] || pkg-config --exists openssl 2>/dev/null
}

missing_packages() {
    has clang && has clang++ && has cc || echo clang
    has_libclang || echo libclang-dev
    has cmake || echo cmake
    has make || echo make
    has curl || echo curl
    # librdkafka's: TLS and SASL. zlib and zstd come with its crates.
    has pkg-config || echo pkg-config
    has_openssl || echo libssl-dev
    if [ "$broker" = yes ]; then
        has python3 || echo python3
        has mvn || echo maven
        # The compiler runs the example that is one file of source.
        has java && has javac || echo default-jdk-headless
        has openssl || echo openssl
    fi
    if [ "$environment" = yes ]; then
        python3 -c 'import ensurepip' >/dev/null 2>&1 || echo python3-venv
    fi
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || echo ca-certificates
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Without a terminal nobody can type a password, so sudo must work without one.
check_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    has sudo || fail "not root and no sudo here; as root, run: apt-get install -y $packages"
    [ -t 0 ] || sudo -n true 2>/dev/null ||
        fail "sudo asks for a password and there is no terminal to type it; as root, run: apt-get install -y $packages"
}

install_packages() {
    say "missing: $packages"
    has apt-get || fail "this is not Debian (no apt-get): install the equivalents of these yourself, then try again"
    check_root
    say "fetching the package lists (apt-get update)"
    as_root apt-get update -qq </dev/null ||
        say "the package lists could not be refreshed; trying with those that are here"
    say "installing (apt-get install); this can take a few minutes"
    # Word splitting is meant: one argument for each package.
    # shellcheck disable=SC2086
    as_root apt-get install -y -qq --no-install-recommends $packages </dev/null ||
        fail "apt-get could not install: $packages (its message is above; is there a network?)"
    still=$(missing_packages | tr '\n' ' ')
    [ -z "$still" ] || fail "installed, but still not found: $still"
    say "installed: $packages"
}

install_rust() {
    say "no cargo here: installing the stable Rust toolchain for this user through rustup (https://rustup.rs)"
    installer=$(mktemp)
    trap 'rm -f "$installer"' EXIT
    curl --proto '=https' --tlsv1.2 -sSf -o "$installer" https://sh.rustup.rs ||
        fail "https://sh.rustup.rs could not be fetched; install Rust 1.$RUST_MINOR or newer yourself, then try again"
    sh "$installer" -y --no-modify-path --profile minimal --default-toolchain stable </dev/null ||
        fail "rustup could not install Rust (its message is above)"
    has cargo || fail "rustup ended well, but there is no cargo in ${CARGO_HOME:-$HOME/.cargo}/bin"
    say "installed: $(cargo --version)"
}

check_rust() {
    version=$(rustc --version 2>/dev/null) ||
        fail "cargo is here but rustc does not run; if rustup manages it: rustup default stable"
    number=${version#rustc }
    major=${number%%.*}
    rest=${number#*.}
    minor=${rest%%.*}
    if [ "$major" -eq 1 ] && [ "$minor" -lt "$RUST_MINOR" ]; then
        fail "$version is too old: 1.$RUST_MINOR or newer is needed (with rustup: rustup update stable)"
    fi
}

check_component() {
    case $1 in
        rustfmt) command="fmt" ;;
        *) command=$1 ;;
    esac
    cargo "$command" --version >/dev/null 2>&1 && return 0
    has rustup || fail "cargo $command is missing and there is no rustup to add it: install the component $1"
    say "adding $1 to the toolchain (rustup component add $1)"
    rustup component add "$1" </dev/null || fail "rustup could not add $1 (its message is above; is there a network?)"
}

broker=no environment=no
for component in "$@"; do
    case $component in
        kafka) broker=yes ;;
        chaos) broker=yes environment=yes ;;
    esac
done
packages=$(missing_packages | tr '\n' ' ')
packages=${packages% }
[ -z "$packages" ] || install_packages
has cargo || install_rust
check_rust
for component in "$@"; do
    case $component in
        kafka | chaos) ;;
        *) check_component "$component" ;;
    esac
done
