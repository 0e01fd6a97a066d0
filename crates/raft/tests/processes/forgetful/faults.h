// Which calls fail, and which syncs lie. All of it under `lock`.
#pragma once

struct order {
  char call[32], part[256];
  long nth, count;
  int error;
  int met;
};
static struct order fail, lie;
static long slow_sync_ms;

static int parse_error(const char *name) {
  static const struct { const char *name; int number; } errors[] = {
      {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EMFILE", EMFILE}};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (!strcmp(errors[i].name, name)) return errors[i].number;
  dprintf(2, "forgetful: no such error: %s\n", name);
  _exit(99);
}

static void parse_order(struct order *order, const char *text, int with_error) {
  char copy[512], *rest = copy, *call, *nth = NULL, *error = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  call = strsep(&rest, ":");
  if (with_error) {
    nth = strsep(&rest, ":");
    error = rest;
    if (!nth || !error) {
      dprintf(2, "forgetful: call[@part]:nth:ERROR is wanted, not %s\n", text);
      _exit(99);
    }
    order->nth = atol(nth);
    order->error = parse_error(error);
  }
  char *part = strchr(call, '@');
  if (part) {
    *part = 0;
    snprintf(order->part, sizeof order->part, "%s", part + 1);
  }
  snprintf(order->call, sizeof order->call, "%s", call);
}

static int concerns(const struct order *order, const char *call, const char *path) {
  if (!order->call[0] || !strstr(path, order->part)) return 0;
  return !strcmp(order->call, call) || (!strcmp(order->call, "sync") && (!strcmp(call, "fsync") || !strcmp(call, "fdatasync")));
}

// Whether this call has to fail; errno is set then. `path` is below `dir`.
static int faulty(const char *call, const char *path) {
  if (!concerns(&fail, call, path) || ++fail.count < fail.nth) return 0;
  if (!fail.met) {
    char hit[PATH_MAX + 8], line[PATH_MAX + 64];
    fail.met = 1;
    snprintf(hit, sizeof hit, "%s.hit", journal_path);
    int n = snprintf(line, sizeof line, "%s %ld %s\n", call, fail.count, path);
    int fd = syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, line, n) != n) die("the fault cannot be noted");
    syscall(SYS_close, fd);
  }
  errno = fail.error;
  return 1;
}
