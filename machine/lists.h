// SPDX-License-Identifier: MIT
// --list: tables of what slate knows, printed from its own tables.
#pragma once
#include <string>

void print_list(const std::string& what);     // checks, fields, exits, capabilities, missing, cpus, devices
