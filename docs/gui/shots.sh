#!/bin/sh
# SPDX-License-Identifier: MIT
# Draws the pictures of docs/gui.md and docs/tutorials anew, of guests that the tests build: docs/gui/shots.sh BUILD [PATTERN],
# of which the names are that are drawn. ImageMagick makes them small.
set -e
build=$1
only=${2:-*}
here=$(dirname "$0")
[ -x "$build/slate" ] && [ -f "$build/guests/vmx_ept" ] || { echo "usage: docs/gui/shots.sh BUILD, after make slate guests/built there" >&2; exit 2; }
scratch=$(mktemp -d)
mkdir -p "$scratch/tutorials" "$scratch/gui/panels"
trap 'rm -rf "$scratch"' EXIT

# shot NAME GUEST LAYOUT COMMANDS [OPTION...]
shot() {
    name=$1 guest=$2 layout=$3
    case $name in $only) ;; *) return ;; esac
    printf '%b\n' "$4" >"$scratch/commands"
    shift 4
    "$build/slate" --headless --serial null --kernel "$build/guests/$guest" --commands "$scratch/commands" \
        --screenshot "$scratch/gui/$name.png" --layout "$layout" "$@" >/dev/null
    if convert -version 2>/dev/null | grep -q ImageMagick; then
        convert "$scratch/gui/$name.png" -strip -define png:compression-level=9 -define png:compression-filter=5 "$here/$name.png"
    else
        cp "$scratch/gui/$name.png" "$here/$name.png"
    fi
}

entered='step --vmexit\nstep --vmexit\nstep --vmexit\nstep --vmexit\nstep --vmentry'
shot run vmx_ept "run@1280x800,focus=console,type=re" "$entered\nbreak\nstep"
shot walk vmx_ept "walk@1280x800,walk.address=rdi,walk.access=w,walk.step=9" "$entered"
shot virtualization vmx_exits "virtualization@1280x800" "$entered"
shot virtualization-amd svm_exits "virtualization@1280x800,theme=light" "$entered" --cpu max-amd
shot caches vmx_ept "caches@1280x800" "$entered\nstep 3"
shot machine vmx_ept "machine@1280x800,focus=map" "$entered"
shot palette vmx_ept "run@1280x800,theme=light,palette=walk" "$entered"
shot bits vmx_ept "run@1280x800,tab.registers=1,focus=registers,explain=yes,select=registers:3" "$entered\nstep"

# One panel, as it is among the others of its screen: panel NAME GUEST SCREEN PANEL SETTINGS COMMANDS [OPTION...]
panel() {
    name=$1 guest=$2 screen=$3 crop=$4 settings=$5
    commands=$6
    shift 6
    shot "panels/$name" "$guest" "$screen,crop=$crop,focus=$crop$settings" "$commands" "$@"
}
mkdir -p "$here/panels"
wide=@1920x1080 usual=@1280x800
stale='symbols '$build'/guests/stale\nstop stale\ncontinue'
walks='symbols '$build'/guests/stale\nbreak inner_read\ncontinue'
panel screen        display   run$wide            screen      ''                        'step 3000000'
panel disassembly   vmx_ept   run$wide            code        ''                        "$entered\nbreak\nstep"
tab=0
for group in general control segments vector debug msr; do
    panel registers-$group vmx_ept run$wide       registers   ",tab.registers=$tab"     "$entered\nstep 3"
    tab=$((tab + 1))
done
panel stack         vmx_ept   run$wide            stack       ''                        "$entered\nstep --vmexit\nstep 12"
# The guests are built without frame pointers: three frames are written for the picture.
frames='write 0x20000 40 00 02 00 00 00 00 00 56 1d 10 00 00 00 00 00\nwrite 0x20040 80 00 02 00 00 00 00 00 20 14 10 00 00 00 00 00\nwrite 0x20080 00 00 00 00 00 00 00 00 a4 14 10 00 00 00 00 00'
panel back-trace    vmx_ept   run$wide            stack       ',tab.stack=1'            "$entered\nset rbp 0x20000\n$frames"
panel console       vmx_ept   run$wide            console     ',type=wa'                "$entered\nlevels"
panel breakpoints   vmx_ept   run$wide            console     ',tab.console=1'          "$entered\nbreak\nwatch rdi 8 w if rax == 1\nstop vmexit CPUID\nstep"
panel memory        vmx_ept   run$wide            memory      ',memory=rip'             "$entered"
panel walk          stale     walk$wide           walk        ',walk.address=rdi,walk.access=r,walk.step=12' "$walks" --append case=entry-bug
panel walk-text     stale     walk$wide           walk        ',walk.address=rdi,walk.access=r,tab.walk=1' "$walks" --append case=entry-bug
panel entry         stale     walk$wide           entry       ',walk.address=rdi,walk.access=r' "$walks" --append case=entry-bug
panel what-if       stale     walk$wide           what-if     ',walk.address=rdi,walk.access=w' "$walks\nwrite p:0x1010018 35" --append case=entry-bug
panel verdict       stale     walk$wide           verdict     ',walk.address=rdi,walk.access=w' "$walks\nwrite p:0x1010018 35" --append case=entry-bug
panel reference-log stale     walk$wide           verdict     ',walk.address=rdi,tab.verdict=1' "$walks" --append case=entry-bug
panel cost          stale     walk$usual          what-if     ',walk.address=rdi,tab.what-if=1' "$walks" --append case=entry-bug
panel vmcs          vmx_exits virtualization$wide fields      ',select=fields:20'       "$entered"
panel vmcb          svm_exits virtualization$wide fields      ''                        "$entered" --cpu max-amd
panel entry-check   vmx_state virtualization$wide checks      ''                        'step --vmexit\nstep --vmexit'
panel last-failure  vmx_state virtualization$wide checks      ''                        'stop entry-failure\ncontinue'
panel interrupts    apic      virtualization$wide why         ''                        'step 3000000'
panel exits         vmx_exits virtualization$wide exit-counts ''                        'step 3000000'
panel by-rip        vmx_exits virtualization$wide exit-places ''                        'step 3000000'
panel timeline      vmx_exits virtualization$wide timeline    ''                        'step 3000000'
panel exit-list     vmx_exits virtualization$wide timeline    ',tab.timeline=1'         'step 3000000'
panel tlb           stale     caches$wide         tlb         ''                        "$stale" --append case=entry-bug --check=tlb
panel invalidations vmx_invalidation caches$wide  drops       ''                        'continue'
panel dropped       vmx_invalidation caches$wide  drops       ',tab.drops=1'            'tlb drops\ncontinue'
panel stale-uses    stale     caches$wide         drops       ',tab.drops=2'            "$stale" --append case=entry-bug --check=tlb
panel by-tag        stale     caches$wide         contexts    ''                        "$stale" --append case=entry-bug --check=tlb
panel address-map   stale     machine$wide        map         ',select=map:2'           "$walks" --append case=entry-bug
panel cpus          smp       machine$wide        cpus        ''                        'step 3000000' --smp 4
panel devices       apic      machine$wide        devices     ''                        'step 3000000'

# Of the tutorials.
shot ../tutorials/failing-entry vmx_state "virtualization@1280x800,focus=checks" 'stop entry-failure\ncontinue'
shot ../tutorials/walk stale "walk@1280x800,walk.address=rdi,walk.access=r,walk.step=8" "$walks" --append case=entry-bug
shot ../tutorials/walk-refused stale "walk@1280x800,walk.address=rdi,walk.access=w" "$walks\nwrite p:0x1010018 35" --append case=entry-bug
shot ../tutorials/missing-invept stale "caches@1280x800,tab.drops=2" "$stale" --append case=entry-bug --check=tlb
