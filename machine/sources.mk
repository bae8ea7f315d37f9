# SPDX-License-Identifier: MIT
# The files of machine/.
machine_sources =
