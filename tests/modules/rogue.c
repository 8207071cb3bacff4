/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module that does what no module should: one of the deeds below, by the option "deed". For tests
 * only. */
#include "tocsin-check.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct config {
	int deed;
	struct tocsin_list words;
	int64_t number;
};

static void report(struct tocsin_run *run, const char *text)
{
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%s", text);
}

static int crash(struct tocsin_run *run)
{
	/* Not by a bad address: sanitizers and compilers have opinions about those. */
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int hang(struct tocsin_run *run)
{
	while (pause() < 0)
		continue;
	return 0;
}

static int leak(struct tocsin_run *run)
{
	for (int i = 0; i < 100; i++) {
		volatile char *lost = malloc(100000);

		if (!lost || open("/dev/null", O_RDONLY) < 0)
			return -ENOMEM;
		lost[0] = 1;
	}
	report(run, "leaked");
	return 0;
}

static int devour(struct tocsin_run *run)
{
	size_t n = 0;

	for (; n < 4096; n++) {
		volatile char *lost = malloc(1 << 20);

		if (!lost)
			break;
		lost[0] = 1;
	}
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "got %s", n < 4096 ? "NULL" : "everything");
	return 0;
}

/* Takes NULL for no answer. A page of each megabyte is touched, so that the host of the test keeps its memory. */
static int gorge(struct tocsin_run *run)
{
	volatile char *lost;

	do {
		lost = malloc(1 << 20);
		if (lost)
			lost[0] = 1;
		else
			usleep(1000);
	} while (getppid() > 0); /* for ever */
	return 0;
}

/* Memory that is no "data" (RLIMIT_DATA); untouched, so that nothing is used. */
static int share(struct tocsin_run *run)
{
	size_t n = 0;

	while (n < 256 && mmap(NULL, 1 << 26, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		n++;
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "got %s", n < 256 ? "refused" : "everything");
	return 0;
}

/* Talks without end. */
static int chatter(struct tocsin_run *run)
{
	char item[32];
	unsigned i = 0;

	do {
		snprintf(item, sizeof(item), "item %u", i % 100);
		tocsin_look(run, item);
		if (i++ < 100)
			tocsin_item(run, item, TOCSIN_OK, "and so on");
	} while (getppid() > 0); /* for ever */
	return 0;
}

static int stop(struct tocsin_run *run)
{
	raise(SIGSTOP);
	report(run, "nobody woke me");
	return 0;
}

static int garbage(struct tocsin_run *run)
{
	static const char rubbish[] = "item\0rogue\0rogue\0OK\0forged";

	printf("item\nrogue %s", rubbish);
	fflush(stdout);
	if (write(STDOUT_FILENO, rubbish, sizeof(rubbish)) < 0 || write(3, rubbish, sizeof(rubbish)) < 0)
		return -errno;
	report(run, "evil \x1b[31m \xff\xfe text\nX-Header: yes \xe2\x80\xae");
	tocsin_evidence(run, tocsin_name(run), "ti\ntle", "line\r\nline \x07");
	return 0;
}

static int flood(struct tocsin_run *run)
{
	const char *item = tocsin_name(run);
	size_t size = 1 << 20;
	char *text = malloc(size), name[32];

	memset(text, 'x', size - 1);
	text[size - 1] = '\0';
	report(run, text);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		tocsin_metric(run, item,
			&(struct tocsin_metric){ .name = name,
				.value = i,
				.warning = NAN,
				.critical = INFINITY,
				.min = NAN,
				.max = NAN });
	}
	for (int i = 0; i < 100; i++)
		tocsin_evidence(run, item, text, text);
	for (int i = 0; i < 100; i++) {
		int r = tocsin_watch(run, STDIN_FILENO, POLLIN);

		if (r < 0 && (i < 64 || r != -ENOSPC))
			return r;
	}
	text[300] = '\0';
	tocsin_item(run, text, TOCSIN_OK, "long name");
	text[299] = 'y'; /* differs only behind the limit */
	tocsin_item(run, text, TOCSIN_OK, "another long name");
	return 0;
}

static int leave(struct tocsin_run *run)
{
	report(run, "going");
	exit(0);
}

static int close_all(struct tocsin_run *run)
{
	if (syscall(SYS_close_range, 3, ~0U, 0) < 0)
		return -errno;
	report(run, "nobody hears this");
	return 0;
}

static int forks(struct tocsin_run *run)
{
	char pid[32];

	/* A grandchild in a session of its own that has lost its parent. */
	int pipe_fds[2];
	if (pipe(pipe_fds) < 0)
		return -errno;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			snprintf(pid, sizeof(pid), "%d", (int)getpid());
			signal(SIGTERM, SIG_IGN);
			if (write(pipe_fds[1], pid, sizeof(pid)) < 0)
				_exit(1);
			for (;;)
				pause();
		}
		_exit(0);
	}
	ssize_t n = read(pipe_fds[0], pid, sizeof(pid));
	if (n < 0)
		return -errno;
	report(run, pid);
	return 0;
}

/* A child that does not notice that it is one. */
static int double_back(struct tocsin_run *run)
{
	if (fork() < 0)
		return -errno;
	report(run, "I am the one");
	return 0;
}

static int spoil(struct tocsin_run *run)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_IGN);
	umask(0);
	alarm(1);
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	setlocale(LC_ALL, "");
	if (chdir("/tmp") < 0)
		return -errno;
	report(run, "spoilt");
	return 0;
}

/* Says what spoil() left. */
static int inspect(struct tocsin_run *run)
{
	char cwd[256] = "?";
	sigset_t mask;
	int blocked = 0, ignored = 0;
	struct sigaction action;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int s = 1; s < NSIG; s++) {
		blocked += sigismember(&mask, s) == 1;
		ignored += sigaction(s, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
	}
	mode_t mode = umask(0);
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "blocked %d ignored %d umask %03o alarm %u cwd %s",
		blocked, ignored, (unsigned)mode, alarm(0), getcwd(cwd, sizeof(cwd)));
	tocsin_metric(run, tocsin_name(run),
		&(struct tocsin_metric){ .name = "half",
			.value = 0.5,
			.warning = NAN,
			.critical = NAN,
			.min = 1e-300,
			.max = 1.0 / 3 });
	return 0;
}

static int nothing(struct tocsin_run *run)
{
	return 0;
}

static int twice(struct tocsin_run *run)
{
	report(run, "first");
	tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL, "second");
	return 0;
}

static int wild_state(struct tocsin_run *run)
{
	tocsin_item(run, tocsin_name(run), (enum tocsin_state)77, "wild");
	return 0;
}

static int early_metric(struct tocsin_run *run)
{
	tocsin_metric(run, tocsin_name(run), &(struct tocsin_metric){ .name = "x", .value = 1 });
	report(run, "late");
	return 0;
}

static int positive(struct tocsin_run *run)
{
	report(run, "fine");
	return 1;
}

static int no_number(struct tocsin_run *run)
{
	report(run, "fine");
	tocsin_remember(run, "x", NAN);
	return 0;
}

static int fail(struct tocsin_run *run)
{
	tocsin_reason(run, "the %s is\nlocked", "door");
	return -EACCES;
}

static int fail_silently(struct tocsin_run *run)
{
	return -EACCES;
}

static int not_here(struct tocsin_run *run)
{
	tocsin_reason(run, "no such thing here");
	return -EOPNOTSUPP;
}

/* The only good deed: says what it was given. */
static int echo(struct tocsin_run *run, const struct config *c)
{
	double value = 0;
	int64_t age = 0;

	int r = tocsin_recall(run, "key", &value, &age);
	tocsin_item(run, tocsin_name(run), TOCSIN_OK,
		"n %lld words %zu first %s recall %d %.3f %lld batch %llu", (long long)c->number, c->words.n,
		c->words.n ? c->words.items[0] : "-", r, value, (long long)age,
		(unsigned long long)tocsin_batch(run));
	tocsin_remember(run, "key", value + 1);
	return tocsin_watch(run, STDIN_FILENO, POLLPRI);
}

static const struct {
	const char *name;
	int (*run)(struct tocsin_run *run);
} deeds[] = {
	{ "echo", NULL },
	{ "crash", crash },
	{ "hang", hang },
	{ "leak", leak },
	{ "devour", devour },
	{ "gorge", gorge },
	{ "share", share },
	{ "chatter", chatter },
	{ "stop", stop },
	{ "garbage", garbage },
	{ "flood", flood },
	{ "exit", leave },
	{ "close", close_all },
	{ "fork", forks },
	{ "double", double_back },
	{ "spoil", spoil },
	{ "inspect", inspect },
	{ "nothing", nothing },
	{ "twice", twice },
	{ "state", wild_state },
	{ "early", early_metric },
	{ "positive", positive },
	{ "nan", no_number },
	{ "fail", fail },
	{ "silent", fail_silently },
	{ "absent", not_here },
};

static const char *const choices[] = { "echo", "crash", "hang", "leak", "devour",
	"gorge", "share", "chatter", "stop", "garbage", "flood", "exit",
	"close", "fork", "double", "spoil", "inspect", "nothing", "twice", "state", "early", "positive",
	"nan", "fail", "silent", "absent", NULL };

static const struct tocsin_option options[] = {
	{ .name = "deed",
		.type = TOCSIN_CHOICE,
		.offset = offsetof(struct config, deed),
		.fallback = "echo",
		.choices = choices,
		.help = "What to do" },
	{ .name = "word",
		.type = TOCSIN_LIST,
		.offset = offsetof(struct config, words),
		.fallback = "a,b,c",
		.help = "Words" },
	{ .name = "number",
		.type = TOCSIN_INT,
		.offset = offsetof(struct config, number),
		.fallback = "7",
		.min = 0,
		.max = 100,
		.help = "A number" },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	return c->number == 13 ? "13 brings bad luck" : NULL;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;

	return deeds[c->deed].run ? deeds[c->deed].run(run) : echo(run, c);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "rogue",
	.summary = "Does what no module should",
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
