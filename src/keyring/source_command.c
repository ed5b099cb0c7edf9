/*
 * keyring/source_command.c: the root key from a program's standard output.
 *
 * No shell: the line is split at blanks and executed.  The program has ten
 * seconds; its standard error goes nowhere, since what it complains of may be
 * what it holds.  It runs in a process group of its own, so that what it
 * started ends with it.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "keyring/keyfile.h"
#include "keyring/source.h"

#define MAX_ARGUMENTS	32
#define TIMEOUT_MS		10000
#define GRACE_MS		500

static int64
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Splits line in place; argv ends with NULL.  False: too many. */
static bool
split_arguments(char *line, char *argv[MAX_ARGUMENTS + 1])
{
	int			n = 0;
	char	   *rest = NULL;

	for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
	{
		if (n == MAX_ARGUMENTS)
			return false;
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n > 0;
}

static void
close_all_above(int last)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned) last + 1, ~0U, 0) == 0)
		return;
#endif
	for (int fd = last + 1; fd < sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

/* The child's side: nothing of the server's but its name. */
pg_noreturn static void
run(char *const argv[], int out)
{
	int			null = open("/dev/null", O_RDWR);
	sigset_t	none;

	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(127);
	close_all_above(STDERR_FILENO);
	execv(argv[0], argv);
	_exit(127);
}

typedef enum Ending
{
	ENDED,						/* it closed its output */
	TIMED_OUT,
	INTERRUPTED					/* a backend's user wants no more of it */
} Ending;

static bool
is_interrupted(void)
{
	return IsUnderPostmaster && (QueryCancelPending || ProcDiePending);
}

/* Reads until the end of the output, the end of the time, or a cancel. */
static Ending
collect(int fd, int64 deadline, char *text, size_t size, size_t *len)
{
	*len = 0;
	for (;;)
	{
		int64		left = deadline - now_ms();
		struct pollfd p = {.fd = fd,.events = POLLIN};
		char		spill[64];
		ssize_t		n;

		if (left <= 0)
			return TIMED_OUT;
		if (is_interrupted())
			return INTERRUPTED;
		if (poll(&p, 1, (int) Min(left, 100)) <= 0)
			continue;
		/* What is too long is read all the same, so that the program can end; and counted. */
		if (*len < size)
			n = read(fd, text + *len, size - *len);
		else
			n = read(fd, spill, sizeof(spill));
		if (n == 0)
			return ENDED;
		if (n > 0 && *len < size)
			*len += (size_t) n;
		crypto_wipe(spill, sizeof(spill));
	}
}

/*
 * Waits for the child until the deadline.  Whether it ended by itself or not,
 * what it started ends here: it is killed while the child is not yet reaped, so
 * that the number of its group is still its own.  A program that has changed
 * its user (sudo) cannot be killed by us: it is not waited for long either.
 */
static bool
reap(pid_t pid, int64 deadline, int *status)
{
	for (;;)
	{
		siginfo_t	info = {0};

		if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR)
			return false;
		if (info.si_pid == pid)
			break;
		if (is_interrupted())
			deadline = Min(deadline, now_ms());
		if (now_ms() >= deadline)
		{
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			if (now_ms() >= deadline + GRACE_MS)
				return false;
		}
		pg_usleep(2000);
	}
	kill(-pid, SIGKILL);
	return waitpid(pid, status, 0) == pid;
}

static bool
start(char *const argv[], pid_t *pid, int *out)
{
	int			fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*pid = fork();
	if (*pid == 0)
		run(argv, fds[1]);
	close(fds[1]);
	if (*pid < 0)
	{
		close(fds[0]);
		return false;
	}
	setpgid(*pid, *pid);		/* whoever is first: the kill below needs the group to exist */
	*out = fds[0];
	return true;
}

bool
source_command_load(const char *line, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN])
{
	char		words[SOURCE_WHY_LEN];
	char	   *argv[MAX_ARGUMENTS + 1];
	char		text[KEYFILE_MAX_LEN + 1];
	size_t		len;
	pid_t		pid;
	int			out;
	int			status = 0;
	int64		deadline = now_ms() + TIMEOUT_MS;
	Ending		ending;
	bool		ok = false;

	if (strlcpy(words, line, sizeof(words)) >= sizeof(words) || !split_arguments(words, argv))
	{
		strlcpy(why, "the root key command has too many arguments", SOURCE_WHY_LEN);
		return false;
	}
	if (!start(argv, &pid, &out))
	{
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" could not be started: %m", argv[0]);
		return false;
	}
	ending = collect(out, deadline, text, sizeof(text), &len);
	close(out);
	if (!reap(pid, ending == ENDED ? deadline : now_ms(), &status))
		status = -1;

	if (ending == TIMED_OUT)
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" took over %d seconds", argv[0], TIMEOUT_MS / 1000);
	else if (ending == INTERRUPTED)
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" was interrupted", argv[0]);
	else if (status == -1 || !WIFEXITED(status))
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" failed: it did not exit by itself", argv[0]);
	else if (WEXITSTATUS(status) != 0)
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" failed with exit code %d", argv[0], WEXITSTATUS(status));
	else if (!keyfile_parse(text, len, key))
		snprintf(why, SOURCE_WHY_LEN, "root key command \"%s\" printed something of the wrong length or form: "
				 "64 hex digits or 44 characters of base64 are wanted", argv[0]);
	else
		ok = true;
	crypto_wipe(text, sizeof(text));
	return ok;
}
