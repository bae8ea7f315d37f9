# SPDX-License-Identifier: MIT
# The test runner and what the test scripts share.
EXTRA_DIST += \
    tests/run/debugger_faces.py \
    tests/run/guest_log.py \
    tests/run/headers \
    tests/run/machine.py \
    tests/run/packages.sh \
    tests/run/picture.py \
    tests/run/qmp.py \
    tests/run/report.py \
    tests/run/run.py \
    tests/run/screen_text.py \
    tests/run/sources.py \
    tests/run/walks.py \
    tests/run/window_screen.py
