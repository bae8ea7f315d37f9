# SPDX-License-Identifier: MIT
# The files of debugger/.
debugger_sources =
