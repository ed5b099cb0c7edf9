/*
 * random_test.c: no batch is used twice, and no number is favoured.
 */
#include "crypto/random.h"

#include "check.h"
#include "chi_square.h"

#include <openssl/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern int	__real_RAND_priv_bytes_ex(OSSL_LIB_CTX *ctx, unsigned char *buf, size_t num,
									  unsigned int strength);
extern int	__wrap_RAND_priv_bytes_ex(OSSL_LIB_CTX *ctx, unsigned char *buf, size_t num,
									  unsigned int strength);

/* What the generator "draws" next, where a test has written it down; else it draws. */
static const uint32_t *script;
static int	script_left;

int
__wrap_RAND_priv_bytes_ex(OSSL_LIB_CTX *ctx, unsigned char *buf, size_t num, unsigned int strength)
{
	if (script == NULL)
		return __real_RAND_priv_bytes_ex(ctx, buf, num, strength);
	if (!CHECK(num == sizeof(uint32_t) && script_left > 0))
		return 0;
	memcpy(buf, script++, num);
	script_left--;
	return 1;
}

#define ID_LEN 16
#define IDS_EACH 1000

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

static int
count_repeats(uint8_t (*ids)[ID_LEN], int n)
{
	int			repeats = 0;

	qsort(ids, (size_t) n, ID_LEN, compare_ids);
	for (int i = 1; i < n; i++)
		repeats += memcmp(ids[i - 1], ids[i], ID_LEN) == 0;
	return repeats;
}

static void
ids_do_not_repeat(void)
{
	static uint8_t ids[20000][ID_LEN];

	for (size_t i = 0; i < lengthof(ids); i++)
		CHECK(random_public(ids[i], ID_LEN));
	CHECK(count_repeats(ids, lengthof(ids)) == 0);
}

static void
draw_into(int fd)
{
	for (int i = 0; i < IDS_EACH; i++)
	{
		uint8_t		id[ID_LEN];

		if (!random_public(id, ID_LEN) || write(fd, id, ID_LEN) != ID_LEN)
			_exit(1);
	}
}

/* Children, and each child's child, at a moment when the batch is half used. */
static void
forks_do_not_repeat(void)
{
	enum { CHILDREN = 6 };
	static uint8_t ids[3 * CHILDREN * IDS_EACH][ID_LEN];
	int			n = 0;

	for (int child = 0; child < CHILDREN; child++)
	{
		int			ends[2];
		int			status;
		pid_t		pid;
		ssize_t		got;

		CHECK(random_public(ids[n++], ID_LEN));
		CHECK(pipe(ends) == 0);
		pid = fork();
		if (pid == 0)
		{
			pid_t		grandchild;

			close(ends[0]);
			if (child % 2)		/* some go on with a batch of their own, some with the inherited one */
				draw_into(ends[1]);
			grandchild = fork();
			draw_into(ends[1]);
			if (grandchild > 0)
				waitpid(grandchild, NULL, 0);
			_exit(0);
		}
		close(ends[1]);
		while ((got = read(ends[0], ids[n], ID_LEN)) == ID_LEN)
			n++;
		CHECK(got == 0);
		close(ends[0]);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	for (int i = 0; i < IDS_EACH / 2; i++)
		CHECK(random_public(ids[n++], ID_LEN));
	CHECK(n == CHILDREN + (CHILDREN * 2 + CHILDREN / 2) * IDS_EACH + IDS_EACH / 2, "%d", n);
	CHECK(count_repeats(ids, n) == 0);
}

/* Any length fits: within a batch, a whole one, and more than one. */
static void
every_length(void)
{
	static const size_t lengths[] = {0, 1, 24, 4095, 4096, 4097, 10000, 3, 4096, 4096};

	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		uint8_t    *out = calloc(1, lengths[i] + 1);

		CHECK(random_public(out, lengths[i]));
		CHECK(lengths[i] < 24 || !all_bytes(out + lengths[i] - 16, 16, 0));
		CHECK(out[lengths[i]] == 0);
		memset(out, 0, lengths[i]);
		CHECK(random_secret(out, lengths[i]));
		CHECK(lengths[i] < 24 || !all_bytes(out + lengths[i] - 16, 16, 0));
		CHECK(out[lengths[i]] == 0);
		free(out);
	}
}

static void
bytes_are_even(void)
{
	long		publics[256] = {0};
	long		secrets[256] = {0};

	for (int i = 0; i < 2000; i++)
	{
		uint8_t		bytes[100];

		CHECK(random_public(bytes, sizeof(bytes)));
		for (size_t j = 0; j < sizeof(bytes); j++)
			publics[bytes[j]]++;
		CHECK(random_secret(bytes, sizeof(bytes)));
		for (size_t j = 0; j < sizeof(bytes); j++)
			secrets[bytes[j]]++;
	}
	CHECK(looks_even(publics, 256));
	CHECK(looks_even(secrets, 256));
}

static void
uuids(void)
{
	uint8_t		ones[16] = {0};
	uint8_t		zeroes[16] = {0};

	for (int i = 0; i < 1000; i++)
	{
		uint8_t		id[16];

		CHECK(random_uuid(id));
		CHECK(id[6] >> 4 == 4 && id[8] >> 6 == 2);
		for (int j = 0; j < 16; j++)
		{
			ones[j] |= id[j];
			zeroes[j] |= (uint8_t) ~id[j];
		}
	}
	for (int j = 0; j < 16; j++)	/* every other bit was both */
	{
		CHECK(ones[j] == (j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff));
		CHECK(zeroes[j] == (j == 6 ? 0xbf : j == 8 ? 0x7f : 0xff));
	}
}

static void
below_is_even(void)
{
	static const uint32_t sizes[] = {2, 3, 6, 10, 26, 66, 94, 1000};

	for (size_t i = 0; i < lengthof(sizes); i++)
	{
		long		counts[1000] = {0};
		uint32_t	n = sizes[i];
		uint32_t	draw;

		for (int j = 0; j < 30000; j++)
			if (CHECK(random_below(n, &draw)) && CHECK(draw < n, "%u of %u", draw, n))
				counts[draw]++;
		CHECK(looks_even(counts, (int) n), "below %u", n);
	}
}

static void
below_bounds(void)
{
	uint32_t	draw = 1;
	bool		upper_half = false;

	CHECK(random_below(1, &draw) && draw == 0);
	for (int i = 0; i < 1000; i++)
	{
		CHECK(random_below(UINT32_C(1) << 31, &draw) && draw < UINT32_C(1) << 31);
		upper_half = upper_half || draw >= UINT32_C(1) << 30;
	}
	CHECK(upper_half);
}

/*
 * The draws themselves written down.  What random_below() takes must be whole
 * rounds of 0..n-1, from 0 up, and the rest must be drawn again.
 */
static void
below_rejects_the_remainder(void)
{
	static const uint32_t sizes[] = {1, 2, 3, 5, 6, 7, 10, 66, 94, 1000, 65537, UINT32_C(1) << 30,
		(UINT32_C(1) << 30) + 1,
	UINT32_C(3) << 29, (UINT32_C(1) << 31) - 1, UINT32_C(1) << 31};

	for (size_t i = 0; i < lengthof(sizes); i++)
	{
		uint32_t	n = sizes[i];
		uint32_t	limit = UINT32_MAX / n * n;
		uint32_t	draws[] = {UINT32_MAX, limit, limit - 1, 0};
		uint32_t	draw;

		script = draws;
		script_left = 4;
		CHECK(random_below(n, &draw) && draw == n - 1, "%u of %u", draw, n);
		CHECK(script_left == 1, "below %u: %d left", n, script_left);
		CHECK(random_below(n, &draw) && draw == 0);
		script = NULL;
	}
}

int
main(void)
{
	RUN(ids_do_not_repeat);
	RUN(forks_do_not_repeat);
	RUN(every_length);
	RUN(bytes_are_even);
	RUN(uuids);
	RUN(below_is_even);
	RUN(below_bounds);
	RUN(below_rejects_the_remainder);
	return check_summary("random");
}
