// Which files are meant, and the journal of what happens to them. All of it under `lock`.
#pragma once

enum { CHANGE = 1, CREATE = 2, REMOVE = 3, RENAME = 4, SYNCED = 5 };
// REPLACED: a REMOVE that happens together with the RENAME behind it, or not at all. LINKED: a further name of a file that has one.
enum { ZEROS = 1, DIRECTORY = 2, REPLACED = 4, LINKED = 8 };
#define MAGIC 0x4f475246u

// The journal's record; native byte order. Behind it: `bytes` old bytes, `path`, `other`. A record's number is its offset in the journal.
struct record {
  uint32_t magic, kind;
  uint64_t inode, parent, other_parent;
  uint64_t offset, length, old_size;
  uint64_t upto;
  uint32_t bytes, path, other, flags;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char dir[PATH_MAX], journal_path[PATH_MAX];
static size_t dir_len;
static dev_t device;
static int journal = -1;
static uint64_t journal_len;

// ---- Which files are meant ----

struct file {
  uint64_t inode;
  char *path; // Below `dir`, with the slash.
};
static struct file *files;
static size_t files_len, files_cap;

static struct file *find(uint64_t inode) {
  for (size_t i = files_len; i-- > 0;)
    if (files[i].inode == inode) return &files[i];
  return NULL;
}

static void follow(uint64_t inode, const char *full) {
  struct file *file = find(inode);
  if (!file) {
    if (files_len == files_cap) files = realloc(files, (files_cap = files_cap ? 2 * files_cap : 64) * sizeof *files);
    file = &files[files_len++];
    file->inode = inode;
    file->path = NULL;
  }
  free(file->path);
  file->path = strdup(full + dir_len);
}

// The absolute path with the links in its directories resolved; 0 if it is not below `dir`.
static int resolve(int at, const char *path, char *full) {
  char whole[2 * PATH_MAX], parent[PATH_MAX];
  if (journal < 0 || !path) return 0;
  if (path[0] == '/') {
    snprintf(whole, sizeof whole, "%s", path);
  } else {
    char start[PATH_MAX];
    if (at == AT_FDCWD) {
      if (syscall(SYS_getcwd, start, sizeof start) < 0) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t n = readlink(link, start, sizeof start - 1);
      if (n < 0) return 0;
      start[n] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", start, path);
  }
  size_t n = strlen(whole);
  while (n > 1 && (whole[n - 1] == '/' || (whole[n - 1] == '.' && whole[n - 2] == '/'))) whole[--n] = 0;
  char *slash = strrchr(whole, '/');
  *slash = 0;
  if (!realpath(slash == whole ? "/" : whole, parent)) return 0;
  if ((size_t)snprintf(full, PATH_MAX, "%s/%s", strcmp(parent, "/") ? parent : "", slash + 1) >= PATH_MAX) return 0;
  return !strncmp(full, dir, dir_len) && (full[dir_len] == 0 || full[dir_len] == '/');
}

static uint64_t inode_of(const char *path, mode_t *mode) {
  struct stat st;
  if (lstat(path, &st)) return 0;
  if (mode) *mode = st.st_mode;
  return st.st_ino;
}

static uint64_t parent_of(const char *full) {
  char parent[PATH_MAX];
  snprintf(parent, sizeof parent, "%s", full);
  *strrchr(parent, '/') = 0;
  return inode_of(parent, NULL);
}

// The file behind a descriptor if it is one of those that are meant.
static struct file *known(int fd, struct stat *st) {
  if (journal < 0 || fstat(fd, st) || st->st_dev != device || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))) return NULL;
  return find(st->st_ino);
}

// ---- The journal ----

static void die(const char *what) {
  dprintf(2, "forgetful: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static void append(struct record *record, const void *bytes, const char *path, const char *other) {
  record->magic = MAGIC;
  record->path = path ? strlen(path) : 0;
  record->other = other ? strlen(other) : 0;
  struct iovec parts[] = {
      {record, sizeof *record}, {(void *)bytes, record->bytes}, {(void *)path, record->path}, {(void *)other, record->other}};
  ssize_t all = sizeof *record + record->bytes + record->path + record->other;
  if (syscall(SYS_writev, journal, parts, 4) != all) die("the journal cannot be written");
  journal_len += all;
}

// Before `length` bytes at `offset` are replaced, or the file's length changes.
static void before_change(int fd, const struct stat *st, uint64_t offset, uint64_t length) {
  struct record record = {.kind = CHANGE, .inode = st->st_ino, .offset = offset, .old_size = st->st_size};
  uint64_t end = offset + length < (uint64_t)st->st_size ? offset + length : (uint64_t)st->st_size;
  uint64_t old = offset < end ? end - offset : 0;
  char *bytes = NULL;
  if (old) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reader = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (reader < 0) die("old bytes cannot be read");
    bytes = malloc(old);
    for (uint64_t done = 0; done < old;) {
      ssize_t n = syscall(SYS_pread64, reader, bytes + done, old - done, offset + done);
      if (n <= 0) die("old bytes cannot be read");
      done += n;
    }
    syscall(SYS_close, reader);
  }
  record.length = old;
  if (old && bytes[0] == 0 && !memcmp(bytes, bytes + 1, old - 1)) record.flags = ZEROS;
  record.bytes = record.flags & ZEROS ? 0 : old;
  append(&record, bytes, NULL, NULL);
  free(bytes);
}

static void now_synced(uint64_t inode, uint64_t upto) {
  struct record record = {.kind = SYNCED, .inode = inode, .upto = upto};
  append(&record, NULL, NULL, NULL);
}

static void created(const char *full, uint64_t inode, uint32_t flags) {
  struct record record = {.kind = CREATE, .inode = inode, .parent = parent_of(full), .flags = flags};
  append(&record, NULL, full, NULL);
}

// Keeps what is about to lose its name.
static void before_remove(const char *full, uint32_t flags) {
  mode_t mode;
  struct record record = {.kind = REMOVE, .inode = inode_of(full, &mode), .parent = parent_of(full), .flags = flags};
  char aside[PATH_MAX] = "";
  if (!record.inode) return;
  if (S_ISDIR(mode)) {
    record.flags |= DIRECTORY;
  } else {
    if ((size_t)snprintf(aside, sizeof aside, "%s.aside/%llu", journal_path, (unsigned long long)journal_len) >= sizeof aside ||
        syscall(SYS_linkat, AT_FDCWD, full, AT_FDCWD, aside, 0))
      die("a file that goes cannot be kept aside");
  }
  append(&record, NULL, full, aside);
}
