#!/bin/bash
# build.sh BUILD OUT PACKAGED: links the objects of BUILD, a release build on Debian 12 (amd64), into two programs.
# OUT runs on any Linux with glibc 2.28 or later: Debian 10, Ubuntu 20.04, RHEL 8, and whatever came after them. All else
# is linked in: static archives of Debian, and those that CMakeLists.txt makes of Debian's sources.
# PACKAGED is that of the Debian package, for Debian 12 and what came after it. It loads the libraries in C whose names
# are the same in all those releases (TLS, curl, the clients of MariaDB and RabbitMQ, SQLite): the system keeps them safe.
# Those in C++, of which each release has its own, are linked in.
# OUT-licences.txt and PACKAGED-licences.txt get the licences of what is linked in. What comes from Debian's mirror
# stays in build/portable; signatures are checked.
set -euo pipefail
build=$(realpath "$1")
out=$(realpath -m "$2")
packaged=$(realpath -m "$3")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
work=$PWD/build/portable
libraries=/usr/lib/$(gcc -dumpmachine)
gcc=$(dirname "$(gcc -print-libgcc-file-name)")
newest_glibc=2.28
# Whose code is linked in, with the copyright files of these packages.
linked_into_both=(
    libboost1.81-dev libprotobuf-dev libfmt-dev libspdlog-dev libhowardhinnant-date-dev prometheus-cpp-dev
    libtomlplusplus-dev
)
linked_in=(
    "${linked_into_both[@]}" libmariadb-dev libsqlite3-dev libssl-dev zlib1g-dev libstdc++-12-dev
    libcurl4-openssl-dev libcrypt-dev libnghttp2-14 librabbitmq-dev
)

fail()
{
    echo "packaging/portable/build.sh: $*" >&2
    exit 1
}

# Runs a noisy command; what it says is shown only when it fails.
quietly()
{
    "$@" >>"$work/log" 2>&1 </dev/null || { tail -n 20 "$work/log" >&2; fail "$1 failed; all it said is in $work/log"; }
}

# fetch RELEASE KIND COMMAND PACKAGE...: runs apt-get with packages of that release only, in the folder RELEASE.
fetch()
{
    local release=$1 kind=$2 command=$3 folder=$work/$1 mirror
    shift 3
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [[ -n $mirror ]] || fail "apt names no mirror of Debian 12"
    mkdir -p "$folder"/state/lists/partial "$folder"/cache/archives/partial
    touch "$folder/status"
    echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$folder/sources.list"
    local options=(
        -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache"
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
    )
    quietly apt-get "${options[@]}" -o APT::Update::Error-Mode=any update
    (cd "$folder" && quietly apt-get "${options[@]}" $command "$@")
}

version_of() { dpkg-query -W -f '${source:Version}' "$1"; }

# Those in C++ in the very versions that peercron's objects were compiled with; of those in C the newest.
make_libraries()
{
    fetch bookworm deb-src "source --download-only" \
        "fmtlib=$(version_of libfmt-dev)" "spdlog=$(version_of libspdlog-dev)" \
        "howardhinnant-date=$(version_of libhowardhinnant-date-dev)" \
        "prometheus-cpp=$(version_of prometheus-cpp-dev)" curl nghttp2
    local description
    for description in "$work"/bookworm/*.dsc; do
        (cd "$work/bookworm" && quietly dpkg-source --no-check -x "$description")
    done
    quietly cmake -S "$here" -B "$work/libraries" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSOURCES="$work/bookworm"
    quietly cmake --build "$work/libraries" --target libraries
}

# A tree with the libc to link against. Its links are made relative: they must not lead to this system's files.
make_libc()
{
    fetch bullseye deb download libc6 libc6-dev
    local package link
    for package in "$work"/bullseye/*.deb; do dpkg-deb -x "$package" "$work/libc"; done
    find "$work/libc" -type l -lname '/*' | while read -r link; do
        ln -sfn "$(realpath -ms --relative-to "$(dirname "$link")" "$work/libc$(readlink "$link")")" "$link"
    done
    quietly gcc -O2 -fPIC -fno-builtin -c "$here/older_libc.c" -o "$work/older_libc.o"
}

# What the libraries depend on.
fingerprint() { { cat "$here"/*; dpkg-query -W gcc "${linked_in[@]}"; } | sha256sum; }

if [[ ! -f $work/made ]] || [[ $(fingerprint) != "$(cat "$work/made")" ]]; then
    echo "packaging/portable/build.sh: making the libraries that are linked in"
    rm -rf "$work"
    mkdir -p "$work"
    make_libraries
    make_libc
    fingerprint >"$work/made"
fi

# The program's own objects and archives, in the order of its usual link.
mapfile -t own < <(ninja -C "$build" -t commands peercron | tail -n 1 | tr ' ' '\n' | grep -E '^src/.*\.(o|a)$')
made=$work/libraries
tree=$work/libc/usr/lib/$(gcc -dumpmachine)
link=(-pie -fuse-ld=mold -Wl,-z,relro,-z,now -Wl,--gc-sections)
cxx=("$made"/lib*.a "$libraries"/lib{protobuf,boost_json,boost_container,boost_url}.a)
cd "$build"
g++ "${link[@]}" --sysroot="$work/libc" -nostdlib \
    "$tree/Scrt1.o" "$tree/crti.o" "$gcc/crtbeginS.o" "$work/older_libc.o" \
    -Wl,--start-group "${own[@]}" -Wl,--end-group \
    -Wl,--start-group "$made/curl/lib/libcurl.a" "$made/nghttp2/lib/libnghttp2.a" "${cxx[@]}" \
    "$libraries"/lib{mariadb,sqlite3,rabbitmq,ssl,crypto,crypt,z}.a -Wl,--end-group \
    "$gcc/libstdc++.a" "$gcc/libgcc_eh.a" "$gcc/libgcc.a" -L"$tree" -lpthread -ldl -lm -lc "$tree/libc_nonshared.a" \
    "$gcc/crtendS.o" "$tree/crtn.o" -o "$out"
g++ "${link[@]}" -Wl,--start-group "${own[@]}" "${cxx[@]}" -Wl,--end-group -Wl,--as-needed \
    -lmariadb -lsqlite3 -lrabbitmq -lcurl -lssl -lcrypto -lcrypt -lz -o "$packaged"
strip "$out" "$packaged"

needs=$(objdump -T "$out" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
[[ $(printf '%s\n' "GLIBC_$newest_glibc" "$needs" | sort -V | tail -n 1) == "GLIBC_$newest_glibc" ]] ||
    fail "the program needs $needs: $(objdump -T "$out" | grep -F "($needs)" | awk '{ print $NF }' | tr '\n' ' ')"

# licences PACKAGE...: what their authors ask to be told.
licences()
{
    local package
    for package in "$@"; do
        printf '=== %s %s\n\n' "$package" "$(version_of "$package")"
        cat "/usr/share/doc/$package/copyright"
        echo
    done
}
licences "${linked_in[@]}" >"$out-licences.txt"
licences "${linked_into_both[@]}" >"$packaged-licences.txt"
