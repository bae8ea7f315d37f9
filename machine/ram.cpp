// SPDX-License-Identifier: MIT
// Guest RAM, and the file that it may be in.
#include "machine/ram.h"
#include "base/error.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static HostMemory allocate(u64 size, int fd) try {
    return fd < 0 ? HostMemory(size) : HostMemory(size, fd);
} catch (const std::bad_alloc&) {
    throw Error("--memory: the host gives no " + std::to_string(size >> 20) + " MiB: " + std::strerror(errno));
}

// Nobody can make it smaller under us.
static int memory_file(u64 size) {
    int fd = ::memfd_create("slate-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (::ftruncate(fd, off_t(size)) || ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))) ::close(fd), fd = -1;
    return fd;
}

// A file that is there is taken when it is that of an earlier run, as far as one can see: nobody's data is lost.
static int named_file(const std::string& name, u64 size) {
    int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat s {};
    if (fd < 0) return fd;
    bool good = !::fstat(fd, &s) && S_ISREG(s.st_mode) && (!s.st_size || u64(s.st_size) == size);
    if (!good) ::close(fd), throw Error("--memory-file " + name + ": it is there already, and is no file of " + std::to_string(size >> 20) + " MiB; remove it or name another");
    if (::ftruncate(fd, 0) || ::ftruncate(fd, off_t(size))) ::close(fd), fd = -1;
    return fd;
}

Ram::File::File(const RamFile& name, u64 size) {
    if (!name) return;
    fd = name->empty() ? memory_file(size) : named_file(*name, size);
    if (fd < 0) throw Error("--memory-file " + *name + ": " + std::strerror(errno));
    path = name->empty() ? "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd) : std::filesystem::absolute(*name).string();
}
Ram::File::~File() {
    if (fd >= 0) ::close(fd);
}

Ram::Ram(u64 size, const RamFile& name) : file(name, size), memory(allocate(size, file.fd)) {}
