// SPDX-License-Identifier: MIT
// Where the bytes of an image lie: the one layer through which formats reach the host's files, so
// that tests can put their own beneath.
#pragma once
#include "base/bits.h"
#include <span>
#include <stdexcept>
#include <string>

// The host did not do what was asked; the guest sees an I/O error.
struct IoError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Each throws IoError. After one that threw, nothing or a part has been done, and more may be
// asked.
class File {
public:
    virtual ~File() = default;
    virtual const std::string& name() const = 0;
    virtual u64 size() = 0;
    virtual void read(u64 at, std::span<u8> to) = 0;           // past the end: zeros
    virtual void write(u64 at, std::span<const u8> from) = 0;  // past the end: the file grows
    virtual void
    flush() = 0; // what was written before is on the host's disk before what comes after
};
