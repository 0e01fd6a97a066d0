// Which calls fail, and which syncs lie. All of it under `lock`.
#pragma once

struct order {
  char call[32], part[256];
  long nth, count;
  int error, once;
  int met;
};
static struct order fail, lie;

// Orders that come while the process runs, in a file that is mapped. `told` counts them: whoever writes it raises it last. The rest is counted here.
struct control {
  volatile uint64_t told;
  volatile int64_t slow_sync_ms, slow_fail_ms;
  uint64_t slowed, failed;
  char fail[512], lie[512];
};
static struct control *control;
static uint64_t heard;

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
    error = strsep(&rest, ":");
    if (!nth || !error || (rest && strcmp(rest, "once"))) {
      dprintf(2, "forgetful: call[@part]:nth:ERROR[:once] is wanted, not %s\n", text);
      _exit(99);
    }
    order->once = rest != NULL;
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

// What was told since it was last looked. An order that is told again begins to count again.
static void hear(void) {
  if (!control || control->told == heard) return;
  heard = control->told;
  memset(&fail, 0, sizeof fail);
  memset(&lie, 0, sizeof lie);
  if (control->fail[0]) parse_order(&fail, control->fail, 1);
  if (control->lie[0]) parse_order(&lie, control->lie, 0);
}

static const char *const syncs[] = {"fsync", "fdatasync", NULL};
// What takes room of a disk that is full.
static const char *const takes[] = {"grow", "fallocate", "create", "mkdir", "link", NULL};

static int among(const char *call, const char *const *group) {
  for (; *group; group++)
    if (!strcmp(call, *group)) return 1;
  return 0;
}

static int concerns(const struct order *order, const char *call, const char *path) {
  hear();
  if (!order->call[0] || !strstr(path, order->part)) return 0;
  return !strcmp(order->call, call) || (!strcmp(order->call, "sync") && among(call, syncs)) ||
         (!strcmp(order->call, "space") && among(call, takes));
}

static void wait_ms(long ms) {
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&wait, NULL);
}

// This thread has a failure to tell.
static __thread int failing;

// Gives the lock back. Who has to say that it failed waits only then: others go on meanwhile.
static void leave(void) {
  int error = errno;
  pthread_mutex_unlock(&lock);
  if (failing && control) wait_ms(control->slow_fail_ms);
  failing = 0;
  errno = error;
}

// Whether this call has to fail; errno is set then. `path` is below `dir`.
static int faulty(const char *call, const char *path) {
  if (!concerns(&fail, call, path) || ++fail.count < fail.nth || (fail.once && fail.met)) return 0;
  if (control) control->failed++;
  if (!fail.met) {
    char hit[PATH_MAX + 8], line[PATH_MAX + 64];
    fail.met = 1;
    snprintf(hit, sizeof hit, "%s.hit", journal_path);
    int n = snprintf(line, sizeof line, "%s %ld %s\n", call, fail.count, path);
    int fd = syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, line, n) != n) die("the fault cannot be noted");
    syscall(SYS_close, fd);
  }
  failing = 1;
  errno = fail.error;
  return 1;
}
