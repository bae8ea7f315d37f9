// SPDX-License-Identifier: MIT
// Fuzz target: real files as images, opened by name in each way: raw and qcow2 with what is behind them, foreign formats, CDs,
// discarded writes. A file is refused with one line, or read and written within its bounds.
#include "base/error.h"
#include "base/log.h"
#include "iodev/media/medium.h"
#include "iodev/media/open.h"
#include "tests/fuzz/input.h"
#include "tests/iodev/media/qcow2_maker.h"
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

// Its own directory; in memory where the host has one.
struct Directory {
    std::string path = make();
    static std::string make() {
        std::filesystem::path shared = "/dev/shm", place = exists(shared) ? shared : std::filesystem::temp_directory_path();
        std::string pattern = place / "slate-fuzz-XXXXXX";
        return mkdtemp(pattern.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
    void write(const char* name, const std::vector<u8>& bytes) const {
        std::ofstream(path + name, std::ios::binary | std::ios::trunc).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    }
};

void put_text(std::vector<u8>& image, std::size_t at, std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), image.size() - at), image.begin() + std::ptrdiff_t(at));
}

// An empty qcow2 image that names what lies behind it.
std::vector<u8> overlay(Input& in, std::string_view name) {
    auto image = make_qcow2({64 << 10, 12});
    qcow2::put_big_endian(&image[8], 8, 0x200), qcow2::put_big_endian(&image[16], 4, name.size());
    put_text(image, 0x200, name);
    if (in.byte() & 1) {
        std::string_view format = in.byte() & 1 ? "raw" : "qcow2";
        qcow2::put_big_endian(&image[104], 4, 0xe2792aca), qcow2::put_big_endian(&image[108], 4, format.size());
        put_text(image, 112, format);
    }
    return image;
}

std::vector<u8> contents(Input& in) {
    static constexpr std::string_view signatures[] = {"QFI\xfb", "QED", "KDMV", "COWD", "# Disk Descri", "conectix", "vhdxfile", "LUKS\xba\xbe", "CD001"};
    static constexpr std::string_view names[] = {"b", "a", "file:b", "./b", "nbd://b", "../x/b", "", "/dev/null"};
    u8 how = in.byte();
    std::vector<u8> bytes;
    switch (how & 3) {
    case 0: bytes = make_qcow2({64 << 10, 9u + (how >> 2 & 3)}); break;
    case 1: bytes = overlay(in, names[how >> 2 & 7]); break;
    case 2: bytes.resize(in.take<u16>()); break;
    case 3: bytes.resize(17 * 2048), put_text(bytes, how & 4 ? 0 : how & 8 ? 0x40 : 16 * 2048 + 1, signatures[(how >> 4) % std::size(signatures)]); break;
    }
    for (unsigned n = in.byte() % 8; n-- > 0 && !bytes.empty();) bytes[in.take<u16>() % bytes.size()] = in.byte();
    if (in.byte() & 1) bytes.resize(bytes.size() * in.byte() / 256);
    return bytes;
}

void use(Medium& medium, Input& in) {
    u8 what = in.byte();
    u64 at = (what & 4 ? in.take<u64>() : in.take<u16>()) % (medium.size() + 1024);
    std::vector<u8> bytes(in.take<u16>(), what);
    if (what % 4 == 0) medium.flush();
    else if (what % 4 == 1) medium.read(at, bytes);
    else medium.write(at, bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static const Directory directory;
    set_logging(false);
    Input in(data, size);
    static constexpr const char* formats[] = {"", "raw", "qcow2", ""};
    u8 how = in.byte();
    directory.write("/a", contents(in)), directory.write("/b", contents(in));
    try {
        is_iso9660(directory.path + "/a");
        Medium medium(open_image(directory.path + "/a", formats[how & 3], Access((how >> 2) % 3)), how & 0x80);
        for (unsigned n = 0; n < 20 && !in.empty() && medium.size() <= 1 << 20; n++) use(medium, in);
    } catch (const Error& e) {
        require(e.status == 2 && std::string_view(e.what()).find('\n') == std::string_view::npos);
    }
    return 0;
}
