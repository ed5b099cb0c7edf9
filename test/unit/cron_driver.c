/*
 * cron_driver.c: the clock over a pipe, for the tests in Python.
 *
 * A request is a line, and so is the answer:
 *
 *	cron FIELDS					the result's number; after 0 the bits, and whether either day is enough
 *	local TIME...				cron_next_local() of each
 *	wall AHEAD [AT AHEAD]...	how far the wall is ahead, and from when on otherwise; answers nothing
 *	next INSTANT...				cron_next() of each, by that wall
 *	add MONTHS DAYS INSTANT...	wall_add() of each, with a ! where the wall leaves it out
 */
#include "rotation/cron.h"
#include "rotation/wall.h"

#include "check.h"

#define MOST_SPANS 1000

typedef struct TableWall
{
	Wall		wall;
	int			nspans;
	WallSpan	spans[MOST_SPANS];
} TableWall;

static WallSpan
look_at_table(const Wall *wall, int64_t instant)
{
	const TableWall *table = (const TableWall *) wall;
	int			i = 0;

	while (table->spans[i].until <= instant)
		i++;
	return table->spans[i];
}

static Cron cron;
static TableWall table = {.wall = {look_at_table}};

static bool
read_int(int64_t *number)
{
	long long	n;
	bool		ok = scanf(" %lld", &n) == 1;

	*number = n;
	return ok;
}

/* Numbers up to the end of the line. */
static bool
read_more(int64_t *number)
{
	int			c;

	while ((c = getchar()) == ' ')
		continue;
	if (c == '\n' || c == EOF)
		return false;
	ungetc(c, stdin);
	return read_int(number);
}

static void
read_cron(void)
{
	char	   *line = NULL;
	size_t		room = 0;
	ssize_t		len = getline(&line, &room, stdin);
	char	   *fields;
	CronResult	result;

	if (len < 2)
		abort();
	len -= 2;					/* the blank before, and the line's end */
	fields = exact_copy(line + 1, (size_t) len);
	result = cron_parse(fields, (size_t) len, &cron);
	printf("%d", (int) result);
	if (result == CRON_OK)
		printf(" %llu %u %u %u %u %d", (unsigned long long) cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays, cron.either_day);
	putchar('\n');
	free(fields);
	free(line);
}

static void
read_wall(void)
{
	int64_t		number;

	table.nspans = 0;
	for (;;)
	{
		if (table.nspans == MOST_SPANS || !read_int(&table.spans[table.nspans].ahead))
			abort();
		table.spans[table.nspans].until = INT64_MAX;
		if (!read_more(&number))
			return;
		table.spans[table.nspans++].until = number;
	}
}

static void
print_all(int64_t (*answer) (int64_t))
{
	int64_t		number;

	while (read_more(&number))
		printf("%lld ", (long long) answer(number));
	putchar('\n');
}

static int64_t
next_local(int64_t local)
{
	return cron_next_local(&cron, local);
}

static int64_t
next(int64_t after)
{
	return cron_next(&cron, &table.wall, after);
}

static void
add_all(void)
{
	int64_t		months;
	int64_t		days;
	int64_t		after;

	if (!read_int(&months) || !read_int(&days))
		abort();
	while (read_more(&after))
	{
		bool		skipped;
		int64_t		later = wall_add(&table.wall, after, (int) months, (int) days, &skipped);

		printf("%lld%s ", (long long) later, skipped ? "!" : "");
	}
	putchar('\n');
}

int
main(void)
{
	char		word[6];

	while (scanf("%5s", word) == 1)
	{
		if (strcmp(word, "cron") == 0)
			read_cron();
		else if (strcmp(word, "local") == 0)
			print_all(next_local);
		else if (strcmp(word, "wall") == 0)
			read_wall();
		else if (strcmp(word, "next") == 0)
			print_all(next);
		else if (strcmp(word, "add") == 0)
			add_all();
		else
			abort();
		fflush(stdout);
	}
	return 0;
}
