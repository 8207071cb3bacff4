/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "runner.h"

#include "clock.h"
#include "log.h"
#include "module.h"
#include "msg.h"
#include "option.h"
#include "proctree.h"
#include "run.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

/* Where a module does not stumble over it: far above what open() hands out. */
#define SOCKET_FD_MIN 600
/* A module that allocates without end gets NULL, before the host runs out of memory. */
#define DATA_MAX_BYTES ((rlim_t)1 << 30)
/* And one that shares memory, which does not count as data. Files that are mapped (the journal) count here too. */
#define ADDRESS_MAX_BYTES ((rlim_t)3 << 30)
/* AddressSanitizer reserves terabytes; gcc and clang tell of it in different ways. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_SHADOW_MEMORY true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY true
#endif
#endif
#ifndef HAS_SHADOW_MEMORY
#define HAS_SHADOW_MEMORY false
#endif
#define STRAYS_MAX_USEC (500 * USEC_PER_MSEC)

struct batch_check {
	struct msg *msg;      /* check, module, timeout */
	struct msg **options; /* check, key, value */
	size_t n_options;
	struct msg **memories; /* check, key, number, age */
	size_t n_memories;
	struct msg **ready; /* check, poll mask; with the descriptor */
	size_t n_ready;
};

struct runner {
	int socket;
	char *module_dir, *root;
	uint64_t batch;
	struct batch_check *checks;
	size_t n_checks;
	struct sigaction actions[NSIG]; /* before any module ran */
};

int runner_new(int socket, const char *module_dir, const char *root, struct runner **ret)
{
	_cleanup_runner_ struct runner *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->socket = socket;
	r->module_dir = strdup(module_dir);
	r->root = strdup(root);
	if (!r->module_dir || !r->root)
		return -ENOMEM;
	for (int s = 1; s < NSIG; s++)
		sigaction(s, NULL, &r->actions[s]);
	*ret = TAKE_PTR(r);
	return 0;
}

static void free_messages(struct msg **messages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		msg_free(messages[i]);
	free(messages);
}

static void forget_batch(struct runner *r)
{
	for (size_t i = 0; i < r->n_checks; i++) {
		msg_free(r->checks[i].msg);
		free_messages(r->checks[i].options, r->checks[i].n_options);
		free_messages(r->checks[i].memories, r->checks[i].n_memories);
		free_messages(r->checks[i].ready, r->checks[i].n_ready);
	}
	free(r->checks);
	r->checks = NULL;
	r->n_checks = 0;
}

struct runner *runner_free(struct runner *r)
{
	if (r) {
		forget_batch(r);
		free(r->module_dir);
		free(r->root);
		free(r);
	}
	return NULL;
}

static int replace_by_null(int fd, int flags)
{
	int null = open("/dev/null", flags | O_CLOEXEC);

	if (null < 0)
		return -errno;
	int r = dup2(null, fd) < 0 ? -errno : 0;
	if (null != fd)
		close_fd(null);
	return r;
}

static void lower_limit(int resource, rlim_t max)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_cur > max) {
		limit.rlim_cur = max;
		setrlimit(resource, &limit);
	}
}

static void limit_memory(void)
{
	if (HAS_SHADOW_MEMORY)
		return;
	lower_limit(RLIMIT_DATA, DATA_MAX_BYTES);
	lower_limit(RLIMIT_AS, ADDRESS_MAX_BYTES);
}

int runner_prepare_process(int *socket)
{
	int r, moved = fcntl(*socket, F_DUPFD_CLOEXEC, SOCKET_FD_MIN);

	if (moved < 0) /* a tight RLIMIT_NOFILE */
		moved = fcntl(*socket, F_DUPFD_CLOEXEC, MSG_FD + 1);
	if (moved < 0)
		return -errno;
	r = replace_by_null(*socket, O_RDWR);
	if (r == 0)
		r = replace_by_null(STDIN_FILENO, O_RDONLY);
	if (r == 0)
		r = replace_by_null(STDOUT_FILENO, O_WRONLY);
	if (r == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		r = -errno;
	if (r < 0) {
		close_fd(moved);
		return r;
	}
	limit_memory();
	*socket = moved;
	return 0;
}

void runner_preload(const struct runner *r, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *error = NULL;
		const struct tocsin_check *m;

		if (!module_survives_loading(r->module_dir, names[i], r->socket) ||
			module_load(r->module_dir, names[i], &m, &error) < 0)
			log_warning("check module '%s' cannot be loaded ahead; its checks will say why",
				names[i]);
	}
}

static int add_message(struct msg ***messages, size_t *n, struct msg **m)
{
	if (*n % 8 == 0) {
		struct msg **grown = realloc(*messages, (*n + 8) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*messages = grown;
	}
	(*messages)[(*n)++] = TAKE_PTR(*m);
	return 0;
}

/* The check that M speaks of; nearly always the last one. */
static struct batch_check *find_check(struct runner *r, const struct msg *m)
{
	for (size_t i = r->n_checks; i-- > 0;)
		if (strcmp(r->checks[i].msg->field[0], m->field[0]) == 0)
			return &r->checks[i];
	return NULL;
}

static int take_check(struct runner *r, struct msg **m)
{
	int64_t timeout;

	if (msg_number(*m, 2, &timeout) < 0)
		return -EBADMSG;
	if (r->n_checks % 64 == 0) {
		struct batch_check *grown = realloc(r->checks, (r->n_checks + 64) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->checks = grown;
	}
	r->checks[r->n_checks++] = (struct batch_check){ .msg = TAKE_PTR(*m) };
	return 0;
}

static int take_option(struct runner *r, struct msg **m)
{
	struct batch_check *c = find_check(r, *m);

	return c ? add_message(&c->options, &c->n_options, m) : -EBADMSG;
}

static int take_memory(struct runner *r, struct msg **m)
{
	struct batch_check *c = find_check(r, *m);
	double value;
	int64_t age;

	if (!c || parse_number((*m)->field[2], &value) < 0 || msg_number(*m, 3, &age) < 0)
		return -EBADMSG;
	return add_message(&c->memories, &c->n_memories, m);
}

static int take_ready(struct runner *r, struct msg **m)
{
	struct batch_check *c = find_check(r, *m);

	return c && (*m)->fd >= 0 ? add_message(&c->ready, &c->n_ready, m) : -EBADMSG;
}

/* Forgets what the last module may have done to the process. */
static void reset_process(const struct runner *r)
{
	static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	sigset_t none;

	for (size_t i = 0; i < ELEMENTS(timers); i++)
		setitimer(timers[i], &(struct itimerval){ 0 }, NULL);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &r->actions[s], NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(0077);
	setlocale(LC_ALL, "C");
	if (chdir("/") < 0)
		log_error_errno(-errno, "cannot go to /");
}

static void kill_children(void)
{
	_cleanup_proctree_ struct proctree tree = PROCTREE_EMPTY;
	_cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0 || proctree_scan(proc, &tree) < 0)
		return;
	for (size_t i = 0; i < tree.n; i++)
		if (tree.items[i].ppid == getpid())
			kill(tree.items[i].pid, SIGKILL);
}

/* Ends the processes that a module left behind. Grandchildren come to us when their parent dies (we are their
 * subreaper), so it takes rounds. One that is stuck in the kernel is left. */
static void end_strays(void)
{
	int64_t until = clock_boottime_usec() + STRAYS_MAX_USEC;
	int64_t kill_at = 0;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno != EINTR)
			return; /* no child is left: the usual case, in one system call */
		if (pid != 0)
			continue;
		int64_t now = clock_boottime_usec();
		if (now > until) {
			log_warning("a process that a check left behind cannot be killed");
			return;
		}
		if (now >= kill_at) {
			kill_children();
			kill_at = now + 20 * USEC_PER_MSEC;
		}
		usleep(500);
	}
}

static bool came_before(const struct batch_check *c, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(c->options[j]->field[1], c->options[i]->field[1]) == 0)
			return true;
	return false;
}

/* The sentence about a key that the module does not have. */
static char *unknown_option(const struct tocsin_check *module, const char *key)
{
	_cleanup_buf_ struct buf b = BUF(4096), shown = BUF(1024);
	const char *words[256];
	size_t n = 0;

	for (const struct tocsin_option *o = module->options; o->name && n < ELEMENTS(words); o++)
		words[n++] = o->name;
	const char *nearest = text_nearest(key, words, n);
	text_clean(&shown, key, 64);
	if (nearest)
		buf_printf(&b, _("the module '%s' has no option '%s'; did you mean '%s'?"), module->name, buf_text(&shown), nearest);
	else
		buf_printf(&b, _("the module '%s' has no option '%s'"), module->name, buf_text(&shown));
	return buf_take(&b);
}

/* The sentence WHY about one option; takes WHY. Returns ERROR, or -ENOMEM. */
static int blame_option(const char *key, int error, char *why, char **ret_error)
{
	int r = why ? text_error(ret_error, error, 4096, "%s: %s", key, why) : error;

	free(why);
	return r;
}

static int set_option(const struct batch_check *c, size_t i, const struct tocsin_check *module, void *config,
	char **ret_error)
{
	const char *key = c->options[i]->field[1];
	const struct tocsin_option *o = option_find(module->options, key);
	char *why = NULL;

	if (!o) {
		*ret_error = unknown_option(module, key);
		return -EINVAL;
	}
	if (came_before(c, i) && o->type != TOCSIN_LIST)
		return text_error(ret_error, -EINVAL, 4096, "%s was given twice: expected it once", key);
	if (o->type == TOCSIN_LIST && !came_before(c, i))
		option_list_begin(o, config);
	int r = option_set(o, config, c->options[i]->field[2], &why);
	return r < 0 ? blame_option(key, r, why, ret_error) : r;
}

/* Fills CONFIG. *ret_error is a sentence. */
static int configure(
	const struct batch_check *c, const struct tocsin_check *module, void *config, char **ret_error)
{
	int r = option_set_defaults(module->options, config, ret_error);
	for (size_t i = 0; r == 0 && i < c->n_options; i++)
		r = set_option(c, i, module, config, ret_error);
	if (r < 0)
		return r;
	const char *wrong = module->validate ? module->validate(config) : NULL;
	if (wrong) {
		*ret_error = strdup(_(wrong));
		return -EINVAL;
	}
	return 0;
}

static int read_memories(const struct batch_check *c, struct run_memory **ret)
{
	struct run_memory *memory = calloc(c->n_memories + 1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_memories; i++) {
		memory[i].key = c->memories[i]->field[1];
		if (parse_number(c->memories[i]->field[2], &memory[i].value) < 0 ||
			msg_number(c->memories[i], 3, &memory[i].age_usec) < 0)
			memory[i].key = ""; /* take_memory() let it pass: cannot be */
	}
	*ret = memory;
	return 0;
}

static void run_check(const struct runner *r, const struct batch_check *c)
{
	_cleanup_free_ char *error = NULL;
	_cleanup_free_ struct run_memory *memory = NULL;
	const struct tocsin_check *module = NULL;
	struct tocsin_run run = {
		.socket = r->socket,
		.check = c->msg->field[0],
		.root = r->root,
		.batch = r->batch,
		.pid = getpid(),
		.n_memory = c->n_memories,
		.ready = c->ready,
		.n_ready = c->n_ready,
		.reason = BUF(16384),
		.fault = BUF(4096),
	};

	/* Loading runs code of the module. */
	tocsin_look(&run, run.check);
	int result = module_load(r->module_dir, c->msg->field[1], &module, &error);
	if (result < 0) {
		run_refuse(&run, result, error ? error : strerror(-result));
		return;
	}
	_cleanup_free_ void *config = calloc(1, module->config_size + 1);
	result = config ? read_memories(c, &memory) : -ENOMEM;
	if (result == 0)
		result = configure(c, module, config, &error);
	if (result < 0) {
		run_refuse(&run, result, error ? error : strerror(-result));
	} else {
		run.memory = memory;
		run_end(&run, module->run(&run, config));
	}
	if (config)
		option_free(module->options, config);
}

static int run_batch(struct runner *r, struct msg **m)
{
	r->batch++;
	for (size_t i = 0; i < r->n_checks; i++) {
		run_check(r, &r->checks[i]);
		reset_process(r);
		end_strays();
	}
	forget_batch(r);
	return msg_send(r->socket, MSG_DONE, -1);
}

static const struct {
	enum msg_kind kind;
	int (*take)(struct runner *r, struct msg **m);
} requests[] = {
	{ MSG_CHECK, take_check },
	{ MSG_OPTION, take_option },
	{ MSG_MEMORY, take_memory },
	{ MSG_WATCH, take_ready },
	{ MSG_RUN, run_batch },
};

static int take_request(struct runner *r, struct msg **m)
{
	for (size_t i = 0; i < ELEMENTS(requests); i++)
		if (requests[i].kind == (*m)->kind)
			return requests[i].take(r, m);
	return -EBADMSG;
}

/* So that neither exec nor a page that was swapped out lies on the way of an alert. */
static int say_ready(struct runner *r)
{
	int error = mlockall(MCL_CURRENT) < 0 ? errno : 0;

	return msg_send(r->socket, MSG_READY, -1, "", MSG_NUMBER(error));
}

int runner_serve(struct runner *r)
{
	reset_process(r);
	int result = say_ready(r);
	while (result >= 0) {
		_cleanup_msg_ struct msg *m = NULL;

		result = msg_receive(r->socket, &m);
		if (result == 0)
			return 0;
		if (result > 0)
			result = take_request(r, &m);
	}
	return result == -EPIPE ? 0 : result;
}
