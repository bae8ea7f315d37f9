# SPDX-License-Identifier: MIT
# Freestanding guests: tests_guests_images are built by `make all-tests`; add rules and EXTRA_DIST here.
tests_guests_images =
