// SPDX-License-Identifier: MIT
// Reading a whole file of the host, with a bound on its size, and writing one; one clear line when it cannot be.
#include "base/file.h"
#include "base/error.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason, std::string_view advice) {
    throw Error("'" + path + "': " + reason + "; " + std::string(advice));
}

std::string_view advice_for(int error) {
    if (error == ENOENT || error == ENOTDIR) return "check the name";
    if (error == EACCES || error == EPERM) return "check its permissions";
    return "check the file and the disk it is on";
}

[[noreturn]] void refuse_errno(const std::string& path, int error) {
    refuse(path, std::strerror(error), advice_for(error));
}

struct Descriptor {
    int fd;
    ~Descriptor() { if (fd >= 0) close(fd); }
};

// One byte more than allowed is asked for, so that a file that grows is still refused.
std::vector<u8> read_all(int fd, const std::string& path, u64 expected, u64 max_bytes) {
    constexpr u64 least = 4096, most = 1 << 20;
    std::vector<u8> bytes;
    bytes.reserve(std::min(expected, max_bytes));
    for (;;) {
        u64 have = bytes.size(), step = std::clamp(expected > have ? expected - have : 0, least, most);
        bytes.resize(std::max(std::min(have + step, max_bytes + 1), have + 1));
        ssize_t got = ::read(fd, bytes.data() + have, bytes.size() - have);
        int error = errno;
        bytes.resize(have + u64(std::max<ssize_t>(got, 0)));
        if (got == 0 || bytes.size() > max_bytes) return bytes;
        if (got < 0 && error != EINTR) refuse_errno(path, error);
    }
}

}  // namespace

std::vector<u8> read_file(const std::string& path, u64 max_bytes, std::string_view when_larger) {
    if (path.empty()) refuse(path, "the file name is empty", "name a file");
    Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) refuse_errno(path, errno);
    struct stat status;
    if (::fstat(file.fd, &status) != 0) refuse_errno(path, errno);
    if (S_ISDIR(status.st_mode)) refuse(path, "is a directory", "name a file");
    if (!S_ISREG(status.st_mode)) refuse(path, "is not a regular file", "copy it to a file first");
    u64 size = u64(status.st_size);
    auto too_large = [&] { refuse(path, "is larger than " + std::to_string(max_bytes) + " bytes", when_larger); };
    if (size > max_bytes) too_large();
    auto bytes = read_all(file.fd, path, size, max_bytes);
    if (bytes.size() > max_bytes) too_large();
    return bytes;
}

static void write_all(int fd, const std::string& path, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno != EINTR) refuse_errno(path, errno);
        bytes = bytes.subspan(std::size_t(std::max<ssize_t>(done, 0)));
    }
}

void write_file(const std::string& path, std::span<const u8> bytes) {
    Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (file.fd < 0) refuse_errno(path, errno);
    write_all(file.fd, path, bytes);
}

void create_file(const std::string& path, std::span<const u8> bytes) {
    std::string unfinished = path + ".new";
    Descriptor file{::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (file.fd < 0) refuse_errno(path, errno);
    try {
        write_all(file.fd, path, bytes);
        if (::fdatasync(file.fd) != 0 || ::rename(unfinished.c_str(), path.c_str()) != 0) refuse_errno(path, errno);
    } catch (...) {
        ::unlink(unfinished.c_str());
        throw;
    }
}
