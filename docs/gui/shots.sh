#!/bin/sh
# SPDX-License-Identifier: MIT
# Draws the pictures of docs/gui.md anew, of guests that the tests build: docs/gui/shots.sh BUILD. ImageMagick makes them small.
set -e
build=$1
here=$(dirname "$0")
[ -x "$build/slate" ] && [ -f "$build/guests/vmx_ept" ] || { echo "usage: docs/gui/shots.sh BUILD, after make slate guests/built there" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# shot NAME GUEST LAYOUT COMMANDS [OPTION...]
shot() {
    name=$1 guest=$2 layout=$3
    printf '%b\n' "$4" >"$scratch/commands"
    shift 4
    "$build/slate" --headless --serial null --kernel "$build/guests/$guest" --commands "$scratch/commands" \
        --screenshot "$scratch/$name.png" --layout "$layout" "$@" >/dev/null
    if command -v convert >/dev/null; then
        convert "$scratch/$name.png" -strip -define png:compression-level=9 -define png:compression-filter=5 "$here/$name.png"
    else
        cp "$scratch/$name.png" "$here/$name.png"
    fi
}

entered='step --vmexit\nstep --vmexit\nstep --vmexit\nstep --vmexit\nstep --vmentry'
shot run vmx_ept "run@1280x800,focus=console,type=re" "$entered\nbreak\nstep"
shot walk vmx_ept "walk@1280x800,walk.address=rdi,walk.access=w,walk.step=9" "$entered"
shot virtualization vmx_exits "virtualization@1280x800" "$entered"
shot virtualization-amd svm_exits "virtualization@1280x800,theme=light" "$entered" --cpu max-amd
shot caches vmx_ept "caches@1280x800" "$entered\nstep 3"
shot palette vmx_ept "run@1280x800,theme=light,palette=walk" "$entered"
