// SPDX-License-Identifier: MIT
// Unpacking gzip'ed kernels, with a bound on what comes out.
#include "base/error.h"
#include "bios/kernel.h"
#include "bios/loader.h"
#include <algorithm>
#include <zlib.h>

namespace {

struct Inflater {
    z_stream stream{};
    bool ready = inflateInit2(&stream, 15 + 16) == Z_OK;        // 15: largest window; 16: gzip header
    ~Inflater() { inflateEnd(&stream); }
};

[[noreturn]] void refuse(const std::string& name, const std::string& reason, const std::string& advice) {
    throw Error("kernel '" + name + "': " + reason + "; " + advice);
}

bool is_gzip(std::span<const u8> file) {
    return file.size() >= 3 && file[0] == 0x1f && file[1] == 0x8b && file[2] == 8;
}

}  // namespace

Bytes gunzip(const std::string& name, Bytes file, u64 limit) {
    if (!is_gzip(file)) return file;
    Inflater z;
    if (!z.ready) throw Error("zlib cannot be used to unpack '" + name + "'; install a matching zlib", 4);
    Bytes out;
    z.stream.next_in = file.data();
    z.stream.avail_in = uInt(std::min<u64>(file.size(), ~uInt{0}));
    for (;;) {
        u64 have = out.size();
        out.resize(std::min<u64>(std::max<u64>(have * 2, 1 << 20), limit + 1));
        z.stream.next_out = out.data() + have;
        z.stream.avail_out = uInt(std::min<u64>(out.size() - have, 1 << 30));
        uInt asked = z.stream.avail_out;
        int result = inflate(&z.stream, Z_NO_FLUSH);
        out.resize(have + (asked - z.stream.avail_out));
        if (out.size() > limit)
            refuse(name, "is larger than the RAM (" + in_mib(limit) + ") when unpacked", "give more with --memory");
        if (result == Z_STREAM_END) return out;
        if (result == Z_BUF_ERROR || (result == Z_OK && z.stream.avail_in == 0 && z.stream.avail_out != 0))
            refuse(name, "its gzip data end early", "the file is truncated, get it again");
        if (result != Z_OK)
            refuse(name, std::string("its gzip data are corrupt (") + (z.stream.msg ? z.stream.msg : "zlib error") + ")",
                   "get it again");
    }
}
