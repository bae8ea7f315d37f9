// SPDX-License-Identifier: MIT
// Formats, backing files and their chains.
#include "iodev/media/open.h"
#include "base/error.h"
#include "iodev/media/discard.h"
#include "iodev/media/formats.h"
#include "iodev/media/host_file.h"
#include "iodev/media/qcow2/image.h"
#include "iodev/media/raw.h"
#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

namespace {

constexpr std::size_t longest_chain = 64;
using Chain = std::vector<HostFile::Identity>;

std::unique_ptr<Image> open_file(const std::string& path, const std::string& format, HostFile::Use,
                                 Chain&);

// Relative to the image that names it. "file:" is how QEMU writes a name that might look like a
// protocol.
std::string backing_path(const std::string& image, std::string name) {
    if (name.starts_with("file:")) name.erase(0, 5);
    else if (auto colon = name.find(':'); colon != name.npos && name.find('/') > colon)
        throw Error("'" + image + "': its backing file '" + name +
                    "' is no file, which slate does not support");
    return (std::filesystem::path(image).parent_path() / name).string();
}

std::unique_ptr<Image> open_qcow2(std::unique_ptr<HostFile> file, Chain& chain) {
    auto header = qcow2::read_header(*file);
    std::unique_ptr<Image> backing;
    if (!header.backing_file.empty()) {
        auto format = header.backing_format;
        if (!format.empty() && format != "raw" && format != "qcow2")
            throw Error("'" + file->name() + "': its backing file is of format " + format +
                        "; raw and qcow2 are supported");
        backing = open_file(backing_path(file->name(), header.backing_file), format,
                            HostFile::Use::reading, chain);
    }
    return std::make_unique<qcow2::Qcow2Image>(std::move(file), std::move(backing), header);
}

std::string guess(HostFile& file) {
    std::array<u8, signature_bytes> start;
    file.read(0, start);
    auto* format = format_of(start);
    if (format && !format->readable)
        throw Error("'" + file.name() + "': is a " + format->name +
                    " image, which slate does not support; convert it (qemu-img convert -O qcow2)");
    return format ? format->name : "raw";
}

std::unique_ptr<Image> open_file(const std::string& path, const std::string& format,
                                 HostFile::Use use, Chain& chain) try {
    if (std::ranges::count(chain, HostFile::identity(path)))
        throw Error("'" + path + "': its chain of backing files comes back to itself");
    if (chain.size() >= longest_chain)
        throw Error("'" + path + "': more than " + std::to_string(longest_chain) +
                    " images behind each other; commit some (qemu-img commit)");
    auto file = std::make_unique<HostFile>(path, use);
    chain.push_back(HostFile::identity(path));
    std::string kind = format.empty() ? guess(*file) : format;
    std::array<u8, signature_bytes> start;
    file->read(0, start);
    if (kind == "raw")
        return std::make_unique<RawImage>(std::move(file), format.empty()
                                                               ? RawImage::Because::guessed
                                                               : RawImage::Because::named);
    if (auto* found = format_of(start); !found || found->name != kind)
        throw Error("'" + path + "': is no " + kind + " image");
    return open_qcow2(std::move(file), chain);
} catch (const IoError& e) { throw Error(e.what()); }

}  // namespace

std::unique_ptr<Image> open_image(const std::string& path, const std::string& format,
                                  Access access) {
    Chain chain;
    auto image =
        open_file(path, format,
                  access == Access::write ? HostFile::Use::writing : HostFile::Use::reading, chain);
    if (access != Access::discard) return image;
    return std::make_unique<DiscardingImage>(std::move(image), std::make_unique<HostFile>());
}

bool is_iso9660(const std::string& path) try {
    std::array<u8, 6> descriptor; // type 1 (primary), 0 (boot) or 2, then the identifier
    HostFile(path, HostFile::Use::reading).read(16 * 2048, descriptor);
    return std::ranges::equal(std::span(descriptor).subspan(1), std::string_view("CD001"), {}, {},
                              [](char c) { return u8(c); });
} catch (const IoError& e) {
    throw Error(e.what());
}
