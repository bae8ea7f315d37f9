// SPDX-License-Identifier: MIT
// Opening, locking, reading and writing a host's file.
#include "iodev/media/host_file.h"
#include "base/error.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static std::string advice_for(int error, HostFile::Use use) {
    if (error == ENOENT || error == ENOTDIR) return "check the name";
    if ((error == EACCES || error == EPERM || error == EROFS) && use == HostFile::Use::writing)
        return "make it writable, or give --discard-writes";
    return "check the file and the disk it is on";
}

HostFile::HostFile(const std::string& path, Use use) : path(path) {
    int flags = (use == Use::writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
    fd = path.empty() ? (errno = ENOENT, -1) : ::open(path.c_str(), flags);
    int error = errno;
    if (fd < 0 && error == EISDIR) refuse("is a directory; name a file");
    if (fd < 0) refuse(std::string(std::strerror(error)) + "; " + advice_for(error, use));
    try {
        inspect();
        lock(use);
    } catch (...) {
        ::close(fd);
        throw;
    }
}

HostFile::HostFile() : path("temporary file") {
    const char* place = std::getenv("TMPDIR");
    std::string pattern = std::string(place && *place ? place : "/var/tmp") + "/slate-XXXXXX";
    fd = ::mkostemp(pattern.data(), O_CLOEXEC);
    if (fd < 0)
        throw Error("'" + pattern + "': " + std::strerror(errno) +
                    "; set TMPDIR to a directory that is writable");
    ::unlink(pattern.c_str());
}

HostFile::~HostFile() { ::close(fd); }

void HostFile::refuse(const std::string& why) const { throw Error("'" + path + "': " + why); }

void HostFile::fail(const char* doing, u64 at, u64 bytes) const {
    std::string reason = std::strerror(errno);
    throw IoError("'" + path + "': " + doing + " " + std::to_string(bytes) + " bytes at " +
                  std::to_string(at) + ": " + reason);
}

void HostFile::inspect() {
    struct stat status;
    if (::fstat(fd, &status) != 0) refuse(std::strerror(errno));
    if (S_ISDIR(status.st_mode)) refuse("is a directory; name a file");
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        refuse("is neither a regular file nor a block device; copy it to a file first");
}

HostFile::Identity HostFile::identity(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 ? Identity(status.st_dev, status.st_ino) : Identity();
}

// The bytes that QEMU locks, so that each sees the other: one from 100 for what is done, one from
// 200 for what nobody else may do. All locks are shared ones; who comes second asks for the
// other's.
void HostFile::lock(Use use) {
    enum : unsigned { reads, writes, resizes = 3 };
    auto byte = [](unsigned n, short type) {
        struct flock lock {};
        lock.l_type = type, lock.l_whence = SEEK_SET, lock.l_start = n, lock.l_len = 1;
        return lock;
    };
    auto hold = [&](unsigned n) {
        auto lock = byte(n, F_RDLCK);
        return ::fcntl(fd, F_OFD_SETLK, &lock) == 0 ||
               (errno != EAGAIN && errno != EACCES); // a host without locks has none
    };
    auto free = [&](unsigned n) {
        auto lock = byte(n, F_WRLCK);
        return ::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK;
    };
    constexpr unsigned done = 100, forbidden = 200;
    bool alone = hold(done + reads) && hold(forbidden + writes) && hold(forbidden + resizes);
    if (use == Use::writing) alone = alone && hold(done + writes) && hold(done + resizes);
    alone = alone && free(done + writes) && free(done + resizes) && free(forbidden + reads);
    if (use == Use::writing) alone = alone && free(forbidden + writes) && free(forbidden + resizes);
    if (!alone) refuse("is in use by another process, or given twice; end that one or make a copy");
}

u64 HostFile::size() {
    off_t end = ::lseek(fd, 0, SEEK_END);           // block devices have no st_size
    if (end < 0) fail("asking for the size,", 0, 0);
    return u64(end);
}

void HostFile::read(u64 at, std::span<u8> to) {
    while (!to.empty()) {
        ssize_t got = ::pread(fd, to.data(), to.size(), off_t(at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("reading", at, to.size());
        if (got == 0) return void(std::ranges::fill(to, 0));
        to = to.subspan(std::size_t(got)), at += u64(got);
    }
}

void HostFile::write(u64 at, std::span<const u8> from) {
    while (!from.empty()) {
        ssize_t put = ::pwrite(fd, from.data(), from.size(), off_t(at));
        if (put < 0 && errno == EINTR) continue;
        if (put == 0) errno = ENOSPC;
        if (put <= 0) fail("writing", at, from.size());
        from = from.subspan(std::size_t(put)), at += u64(put);
    }
}

// After a failure the host counts what it could not write as written: a later success would say nothing about it.
void HostFile::flush() {
    if (lost) throw IoError("'" + path + "': a flush has failed before; what was written may be lost");
    if (::fdatasync(fd) == 0) return;
    lost = true;
    fail("flushing,", 0, 0);
}
