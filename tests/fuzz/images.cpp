// SPDX-License-Identifier: MIT
// Fuzz target: a file with any bytes, or a sound qcow2 file with some of them changed, read and written as an image.
#include "base/error.h"
#include "base/log.h"
#include "iodev/media/qcow2/image.h"
#include "iodev/media/raw.h"
#include "tests/fuzz/input.h"
#include "tests/iodev/media/memory_file.h"
#include "tests/iodev/media/qcow2_maker.h"

static std::vector<u8> contents(Input& in) {
    u8 how = in.byte();
    if (how & 1) {
        auto some = in.bytes(in.take<u16>());
        return {some.begin(), some.end()};
    }
    Qcow2Shape shape{64 << 10, 9u + (how >> 1 & 3), how & 8 ? 2u : 3u, how & 8 ? 4u : how >> 4 & 7u};
    auto image = make_qcow2(shape);
    if (in.byte() & 1) add_compressed_zeros(image, shape, 8);
    for (unsigned n = in.byte() % 16; n-- > 0;) image[in.take<u16>() % image.size()] = in.byte();
    return image;
}

static std::unique_ptr<Image> open(Disk& disk, bool raw) {
    auto file = std::make_unique<MemoryFile>(disk);
    if (raw) return std::make_unique<RawImage>(std::move(file), RawImage::Because::guessed);
    auto header = qcow2::read_header(*file);
    return std::make_unique<qcow2::Qcow2Image>(std::move(file), nullptr, header);
}

static void use(Image& image, Input& in) {
    u8 what = in.byte();
    u64 at = (what & 4 ? in.take<u64>() : in.take<u16>()) % image.size(), size = std::min<u64>(in.take<u16>(), image.size() - at);
    std::vector<u8> bytes(size, what);
    if (what % 4 == 0) image.flush();
    else if (what % 4 == 1) image.read(at, bytes);
    else image.write(at, bytes);
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    set_logging(false);
    Input in(data, size);
    bool raw = in.byte() & 1;
    Disk disk(contents(in));
    disk.fail_in = in.byte() & 0x80 ? 0 : in.byte();
    std::unique_ptr<Image> image;
    try {
        image = open(disk, raw);
    } catch (const Error& e) {
        require(e.status == 2);
        return 0;
    } catch (const IoError&) {
        return 0;
    }
    for (unsigned n = 0; n < 60 && !in.empty() && disk.contents.size() < 8 << 20; n++) {
        try {
            use(*image, in);
        } catch (const IoError&) {
        }
    }
    return 0;
}
