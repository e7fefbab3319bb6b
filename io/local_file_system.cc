#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "io/file_holder.h"
#include "io/file_system.h"

namespace narthex::io {

namespace {

Error os_error(std::string_view doing, const std::string& path, int error = errno) {
  std::string text(doing);
  text += ' ';
  text += path;
  text += ": ";
  text += std::generic_category().message(error);
  return {error == ENOENT ? Code::not_found : Code::io, std::move(text), std::nullopt};
}

std::unexpected<Error> os_failure(std::string_view doing, const std::string& path, int error = errno) {
  return std::unexpected(os_error(doing, path, error));
}

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> open_path(const std::string& path, int flags) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (fd >= 0) return Descriptor(fd);
    if (errno != EINTR) return os_failure("opening", path);
  }
}

Result<std::uint64_t> size_of(const Descriptor& file, const std::string& path) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return os_failure("reading the size of", path);
  return static_cast<std::uint64_t>(info.st_size);
}

class LocalFile final : public WritableFile {
 public:
  LocalFile(Descriptor file, std::string path, std::uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  Result<void> append(Bytes data) override { return write_at(size_, data); }

  Result<void> write_at(std::uint64_t offset, Bytes data) override {
    while (!data.empty()) {
      const ssize_t n = ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_failure("writing to", path_);
      offset += static_cast<std::uint64_t>(n);
      size_ = std::max(size_, offset);
      data = data.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) return os_failure("truncating", path_);
    size_ = size;
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(file_.get()) != 0) return os_failure("syncing", path_);
    return {};
  }

  [[nodiscard]] std::uint64_t size() const override { return size_; }

 private:
  Descriptor file_;
  std::string path_;
  std::uint64_t size_;
};

class LocalMapping final : public Mapping {
 public:
  LocalMapping(void* address, std::size_t size) : address_(address), size_(size) {}
  LocalMapping(const LocalMapping&) = delete;
  LocalMapping& operator=(const LocalMapping&) = delete;
  ~LocalMapping() override {
    if (size_ > 0) ::munmap(address_, size_);
  }
  [[nodiscard]] Bytes bytes() const& override { return {static_cast<const std::byte*>(address_), size_}; }
  void release_pages() const override {
    // Refusal costs memory only.
    if (size_ > 0) ::madvise(address_, size_, MADV_DONTNEED);
  }

 private:
  void* address_;
  std::size_t size_;
};

class LocalLock final : public FileLock {
 public:
  explicit LocalLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;  // closing it gives the lock up
};

struct CloseDirectory {
  void operator()(DIR* d) const { ::closedir(d); }
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::create_new:
      return O_WRONLY | O_CREAT | O_EXCL;
    case OpenMode::create_truncate:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case OpenMode::append:
      return O_WRONLY | O_CREAT;
  }
  return O_WRONLY;
}

class LocalFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override {
    auto file = open_path(path, flags_of(mode));
    if (!file) return pass(file);
    const auto size = size_of(*file, path);
    if (!size) return std::unexpected(size.error());
    return std::make_unique<LocalFile>(std::move(*file), path, *size);
  }

  Result<std::unique_ptr<Mapping>> map(const std::string& path) override {
    auto file = open_path(path, O_RDONLY);
    if (!file) return pass(file);
    const auto size = size_of(*file, path);
    if (!size) return std::unexpected(size.error());
    if (*size == 0) return std::make_unique<LocalMapping>(nullptr, 0);
    void* const address = ::mmap(nullptr, *size, PROT_READ, MAP_SHARED, file->get(), 0);
    if (address == MAP_FAILED) return os_failure("mapping", path);
    return std::make_unique<LocalMapping>(address, *size);
  }

  Result<std::string> read_file(const std::string& path) override {
    auto file = open_path(path, O_RDONLY);
    if (!file) return pass(file);
    const auto size = size_of(*file, path);
    if (!size) return std::unexpected(size.error());
    std::string content;
    // One more than its size, so that the end is seen; /proc files say 0 and have more.
    content.resize(*size + 1);
    std::size_t used = 0;
    for (;;) {
      if (used == content.size()) content.resize(content.size() * 2);
      const ssize_t n = ::read(file->get(), content.data() + used, content.size() - used);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_failure("reading", path);
      if (n == 0) break;
      used += static_cast<std::size_t>(n);
    }
    content.resize(used);
    return content;
  }

  Result<std::vector<DirEntry>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, CloseDirectory> dir(::opendir(directory.c_str()));
    if (!dir) return os_failure("listing", directory);
    std::vector<DirEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) return os_failure("listing", directory);
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info{};
      // A dangling link is listed; what was removed meanwhile is not.
      if (::fstatat(::dirfd(dir.get()), name.c_str(), &info, 0) != 0 &&
          ::fstatat(::dirfd(dir.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      const bool is_directory = S_ISDIR(info.st_mode);
      entries.push_back({name, is_directory, is_directory ? 0 : static_cast<std::uint64_t>(info.st_size)});
    }
    std::sort(entries.begin(), entries.end(),
              [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
    return entries;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::uint64_t> file_size(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return os_failure("reading the size of", path);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<void> make_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return os_failure("making directory", path, error.value());
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_failure("renaming to " + to, from);
    return {};
  }

  Result<void> hard_link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return os_failure("linking as " + to, from);
    return {};
  }

  Result<void> remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return os_failure("removing", path);
    return {};
  }

  Result<void> remove_tree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return os_failure("removing", path, error.value());
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    auto directory = open_path(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return pass(directory);
    if (::fsync(directory->get()) != 0) return os_failure("syncing directory", path);
    return {};
  }

  Result<DiskSpace> space(const std::string& path) override {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) return os_failure("asking for the space on", path);
    struct statfs kind{};
    const bool is_nfs = ::statfs(path.c_str(), &kind) == 0 && kind.f_type == NFS_SUPER_MAGIC;
    return DiskSpace{info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize, is_nfs};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    auto file = open_path(path, O_RDWR | O_CREAT);
    if (!file) return pass(file);
    while (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK)
        return fail(Code::unavailable, "locking " + path + ": another process holds it");
      if (errno != EINTR) return os_failure("locking", path);
    }
    return std::make_unique<LocalLock>(std::move(*file));
  }

  std::optional<std::uint32_t> holder_of(const std::string& path) override { return find_holder(path); }
};

}  // namespace

FileSystem& local_file_system() {
  static LocalFileSystem fs;
  return fs;
}

}  // namespace narthex::io
