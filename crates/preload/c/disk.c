// A disk that forgets what was not synced, and that fails when it is told to. For one process, by LD_PRELOAD.
//
// Writes go through to the real files, for the process must read what it wrote. But before each change the bytes that it destroys are appended
// to a journal elsewhere. After the process was killed, whoever killed it plays the journal backwards as far as nothing was synced: what is left
// is what a disk may hold after the power went.
//
//   FORGETFUL_DIR            only files at or below this directory; must exist
//   FORGETFUL_JOURNAL        the journal; <journal>.aside/ keeps removed files (same file system), <journal>.hit tells which fault was met
//   FORGETFUL_CONTROL        orders that can change while the process runs: struct control of faults.h. What it says is one of
//     fail                     call[@part]:nth:ERROR[:once]  from the nth such call on, all of them fail, or this one alone; part: only files
//                              with this in their path
//     lie                      call[@part]              such syncs answer 0 and keep nothing
//     slow_sync_ms             each sync waits so long first
//     slow_fail_ms             each call that fails says so only after this time, as the disks do that try again first
//
// Calls by name: write, grow (a write that makes the file longer), read, truncate, fallocate, fsync, fdatasync, sync (both), syncdir, range
// (sync_file_range), create, mkdir, rename, link, unlink, space (all that takes room: grow, fallocate, create, mkdir, link).
//
// What is strict: a name is kept only once the directory that holds it was synced, data and length only once the file was, and
// sync_file_range keeps nothing at all. What is not covered: memory maps, and programs that make system calls without the C library.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "faults.h"

__attribute__((constructor)) static void begin(void) {
  const char *d = getenv("FORGETFUL_DIR"), *j = getenv("FORGETFUL_JOURNAL"), *c = getenv("FORGETFUL_CONTROL");
  if (!d || !j) return;
  struct stat st;
  if (!realpath(d, dir) || stat(dir, &st)) die("FORGETFUL_DIR");
  dir_len = strlen(dir);
  device = st.st_dev;
  snprintf(journal_path, sizeof journal_path, "%s", j);
  char aside[PATH_MAX + 8];
  snprintf(aside, sizeof aside, "%s.aside", j);
  if (syscall(SYS_mkdirat, AT_FDCWD, aside, 0700) && errno != EEXIST) die("the journal's place");
  if (c) {
    int fd = syscall(SYS_openat, AT_FDCWD, c, O_RDWR | O_CLOEXEC, 0);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) die("FORGETFUL_CONTROL");
    control = mapped;
    syscall(SYS_close, fd);
  }
  journal = syscall(SYS_openat, AT_FDCWD, j, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0 || fstat(journal, &st)) die("FORGETFUL_JOURNAL");
  journal_len = st.st_size;
}

// ---- Opening ----

static int opened(int at, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  if ((flags & O_TMPFILE) == O_TMPFILE || !resolve(at, path, full)) return syscall(SYS_openat, at, path, flags, mode);
  pthread_mutex_lock(&lock);
  mode_t had = 0;
  uint64_t before = inode_of(full, &had);
  int fd = -1;
  if (!before && (flags & O_CREAT) && faulty("create", full + dir_len)) goto out;
  if (before && (flags & O_TRUNC) && S_ISREG(had)) {
    // Opened without O_TRUNC first, so that the old bytes can still be read.
    fd = syscall(SYS_openat, at, path, flags & ~O_TRUNC, mode);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) goto out;
    before_change(fd, &st, 0, st.st_size);
    syscall(SYS_ftruncate, fd, 0L);
  } else {
    fd = syscall(SYS_openat, at, path, flags, mode);
  }
  struct stat st;
  if (fd >= 0 && !fstat(fd, &st) && st.st_dev == device) {
    follow(st.st_ino, full);
    if (!before && (flags & O_CREAT)) created(full, st.st_ino, 0);
  }
out:
  leave();
  return fd;
}

#define MODE(flags)                                        \
  mode_t mode = 0;                                         \
  if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
    va_list list;                                          \
    va_start(list, flags);                                 \
    mode = va_arg(list, mode_t);                           \
    va_end(list);                                          \
  }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

// ---- Writing ----

// `offset` < 0: at the descriptor's own place.
static ssize_t written(int fd, const struct iovec *parts, int count, off64_t offset) {
  struct stat st;
  ssize_t n = -1;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  if (file) {
    size_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    int flags = fcntl(fd, F_GETFL);
    off64_t start = offset >= 0 ? offset : flags & O_APPEND ? st.st_size : lseek64(fd, 0, SEEK_CUR);
    if (faulty("write", file->path) || (start + (off64_t)length > st.st_size && faulty("grow", file->path))) goto out;
    before_change(fd, &st, start, length);
    n = offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
    if (n >= 0 && (flags & (O_SYNC | O_DSYNC))) now_synced(st.st_ino, journal_len);
  } else {
    // A pipe or a socket may wait: not under the lock.
    leave();
    return offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
  }
out:
  leave();
  return n;
}

ssize_t write(int fd, const void *bytes, size_t n) { return written(fd, &(struct iovec){(void *)bytes, n}, 1, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return written(fd, &(struct iovec){(void *)bytes, n}, 1, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return written(fd, &(struct iovec){(void *)bytes, n}, 1, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return written(fd, parts, count, at); }

// These copy within the kernel; whoever is refused them writes by hand.
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags) {
  struct stat st;
  pthread_mutex_lock(&lock);
  struct file *file = known(out, &st);
  leave();
  if (!file) return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
  errno = ENOSYS;
  return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) {
  struct stat st;
  pthread_mutex_lock(&lock);
  struct file *file = known(out, &st);
  leave();
  if (!file) return syscall(SYS_sendfile, out, in, at, n);
  errno = ENOSYS;
  return -1;
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) { return sendfile64(out, in, at, n); }

// ---- Reading ----

// Looked at only while reads are to fail: most of what is read are sockets.
static int unreadable(int fd) {
  struct stat st;
  if (!control || strncmp(control->fail, "read", 4)) return 0;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  int fails = file && faulty("read", file->path);
  leave();
  return fails;
}

ssize_t read(int fd, void *bytes, size_t n) { return unreadable(fd) ? -1 : syscall(SYS_read, fd, bytes, n); }
ssize_t pread(int fd, void *bytes, size_t n, off_t at) { return unreadable(fd) ? -1 : syscall(SYS_pread64, fd, bytes, n, at); }
ssize_t pread64(int fd, void *bytes, size_t n, off64_t at) { return unreadable(fd) ? -1 : syscall(SYS_pread64, fd, bytes, n, at); }
ssize_t readv(int fd, const struct iovec *parts, int count) { return unreadable(fd) ? -1 : syscall(SYS_readv, fd, parts, count); }

// ---- Lengths ----

static int truncated(int fd, off64_t length) {
  struct stat st;
  int rc = -1;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  if (file) {
    if (faulty("truncate", file->path)) goto out;
    before_change(fd, &st, length, length < st.st_size ? st.st_size - length : 0);
  }
  rc = syscall(SYS_ftruncate, fd, length);
out:
  leave();
  return rc;
}
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncated(fd, length); }
int truncate64(const char *path, off64_t length) {
  int fd = opened(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  int rc = truncated(fd, length);
  syscall(SYS_close, fd);
  return rc;
}
int truncate(const char *path, off_t length) { return truncate64(path, length); }

static int allocated(int fd, int mode, off64_t offset, off64_t length) {
  struct stat st;
  int rc = -1;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  if (file) {
    if (faulty("fallocate", file->path)) goto out;
    // Allocating destroys nothing; punching and zeroing do.
    int allocates = (mode & ~FALLOC_FL_KEEP_SIZE) == 0;
    before_change(fd, &st, offset, allocates ? 0 : length);
  }
  rc = syscall(SYS_fallocate, fd, mode, offset, length);
out:
  leave();
  return rc;
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return allocated(fd, mode, offset, length); }
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return allocated(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return allocated(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return allocated(fd, 0, offset, length) ? errno : 0; }

// ---- Syncing ----

static int synced(int fd, const char *call, long number) {
  struct stat st;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  uint64_t upto = journal_len;
  int fails = file && faulty(S_ISDIR(st.st_mode) ? "syncdir" : call, file->path);
  int lies = file && !fails && concerns(&lie, S_ISDIR(st.st_mode) ? "syncdir" : call, file->path);
  int error = errno;
  leave();
  long slow_sync_ms = control ? control->slow_sync_ms : 0;
  if (file && slow_sync_ms) {
    __atomic_fetch_add(&control->slowed, 1, __ATOMIC_RELAXED);
    wait_ms(slow_sync_ms);
  }
  if (fails) {
    errno = error;
    return -1;
  }
  if (lies) return 0;
  int rc = syscall(number, fd);
  if (rc == 0 && file) {
    pthread_mutex_lock(&lock);
    now_synced(st.st_ino, upto);
    leave();
  }
  return rc;
}
int fsync(int fd) { return synced(fd, "fsync", SYS_fsync); }
int fdatasync(int fd) { return synced(fd, "fdatasync", SYS_fdatasync); }
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  struct stat st;
  pthread_mutex_lock(&lock);
  struct file *file = known(fd, &st);
  int fails = file && faulty("range", file->path);
  int error = errno;
  leave();
  if (fails) {
    errno = error;
    return -1;
  }
  return syscall(SYS_sync_file_range, fd, offset, length, flags);
}

// ---- Names ----

static int renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char old[PATH_MAX], new[PATH_MAX];
  if (!resolve(from_at, from, old) || !resolve(to_at, to, new)) return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
  pthread_mutex_lock(&lock);
  int rc = -1;
  mode_t mode;
  struct record record = {.kind = RENAME, .inode = inode_of(old, &mode), .parent = parent_of(old), .other_parent = parent_of(new)};
  if (faulty("rename", (concerns(&fail, "rename", old + dir_len) ? old : new) + dir_len)) goto out;
  if (record.inode && S_ISDIR(mode)) record.flags = DIRECTORY;
  if (record.inode && !(flags & RENAME_NOREPLACE)) before_remove(new, REPLACED);
  if (record.inode) append(&record, NULL, old, new);
  rc = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
  if (rc == 0 && record.inode) follow(record.inode, new);
out:
  leave();
  return rc;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renamed(from_at, from, to_at, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) { return renamed(from_at, from, to_at, to, flags); }

static int linked(int from_at, const char *from, int to_at, const char *to, int flags) {
  char full[PATH_MAX];
  if (!resolve(to_at, to, full)) return syscall(SYS_linkat, from_at, from, to_at, to, flags);
  pthread_mutex_lock(&lock);
  int rc = faulty("link", full + dir_len) ? -1 : syscall(SYS_linkat, from_at, from, to_at, to, flags);
  if (rc == 0) created(full, inode_of(full, NULL), LINKED);
  leave();
  return rc;
}
int link(const char *from, const char *to) { return linked(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) { return linked(from_at, from, to_at, to, flags); }

static int unlinked(int at, const char *path, int flags) {
  char full[PATH_MAX];
  if (!resolve(at, path, full)) return syscall(SYS_unlinkat, at, path, flags);
  pthread_mutex_lock(&lock);
  int rc = -1;
  if (faulty("unlink", full + dir_len)) goto out;
  before_remove(full, 0);
  rc = syscall(SYS_unlinkat, at, path, flags);
out:
  leave();
  return rc;
}
int unlink(const char *path) { return unlinked(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return unlinked(at, path, flags); }
int rmdir(const char *path) { return unlinked(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int at, const char *path, mode_t mode) {
  char full[PATH_MAX];
  if (!resolve(at, path, full)) return syscall(SYS_mkdirat, at, path, mode);
  pthread_mutex_lock(&lock);
  int rc = faulty("mkdir", full + dir_len) ? -1 : syscall(SYS_mkdirat, at, path, mode);
  if (rc == 0) created(full, inode_of(full, NULL), DIRECTORY);
  leave();
  return rc;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made(at, path, mode); }
