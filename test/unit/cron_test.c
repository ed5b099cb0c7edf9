/*
 * cron_test.c: what cron fields are, and what comes next by them.
 */
#include "rotation/calendar.h"
#include "rotation/cron.h"

#include "check.h"
#include "slow_wall.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

#define ALL_MINUTES		((UINT64_C(1) << 60) - 1)
#define ALL_HOURS		((1u << 24) - 1)
#define ALL_DAYS		0xfffffffeu
#define ALL_MONTHS		0x1ffeu
#define ALL_WEEKDAYS	0x7fu

static CronResult
parse(const char *text, Cron *cron)
{
	char	   *copy = exact_copy(text, strlen(text));
	CronResult	result = cron_parse(copy, strlen(text), cron);

	free(copy);
	return result;
}

/* cron_parse() of what is known to be cron fields. */
static Cron
fields(const char *text)
{
	Cron		cron = {0};

	if (parse(text, &cron) != CRON_OK)
	{
		fprintf(stderr, "no cron fields: %s\n", text);
		abort();
	}
	return cron;
}

static const struct
{
	const char *text;
	Cron		cron;
}			meanings[] = {
	{"* * * * *", {ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"0 0 1 1 0", {1, 1, 2, 2, 1, true}},
	{"59 23 31 12 7", {UINT64_C(1) << 59, 1 << 23, 1u << 31, 1 << 12, 1, true}},
	{"1,3,5 * * * *", {0x2a, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"3,1,3 * * * *", {0xa, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"2-4 * * * *", {0x1c, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"2-2 * * * *", {0x4, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"10-50/20 * * * *", {UINT64_C(1) << 10 | UINT64_C(1) << 30 | UINT64_C(1) << 50, ALL_HOURS, ALL_DAYS, ALL_MONTHS,
			ALL_WEEKDAYS, false}},
	{"*/30 */12 * * *", {1 | UINT64_C(1) << 30, 1 | 1 << 12, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"*/60 */24 */31 */12 */7", {1, 1, 2, 2, 1, false}},
	{"0 0 */15 */6 *", {1, 1, 2 | 1 << 16 | 1u << 31, 2 | 1 << 7, ALL_WEEKDAYS, false}},
	{"00 000 01 0000000000000001 007", {1, 1, 2, 2, 1, true}},

	/* names */
	{"0 0 1 jan,FEB,Mar *", {1, 1, 2, 0xe, ALL_WEEKDAYS, false}},
	{"0 0 1 apr-jun *", {1, 1, 2, 0x70, ALL_WEEKDAYS, false}},
	{"0 0 1 jul-DEC/2 *", {1, 1, 2, 1 << 7 | 1 << 9 | 1 << 11, ALL_WEEKDAYS, false}},
	{"0 0 1 9-nov *", {1, 1, 2, 1 << 9 | 1 << 10 | 1 << 11, ALL_WEEKDAYS, false}},
	{"0 3 * * sun", {1, 8, ALL_DAYS, ALL_MONTHS, 1, false}},
	{"0 3 * * mon-FRI", {1, 8, ALL_DAYS, ALL_MONTHS, 0x3e, false}},
	{"0 3 * * tue,thu", {1, 8, ALL_DAYS, ALL_MONTHS, 0x14, false}},
	{"0 3 * * Wed-sat/3", {1, 8, ALL_DAYS, ALL_MONTHS, 0x48, false}},

	/* Sundays */
	{"0 3 * * 5-7", {1, 8, ALL_DAYS, ALL_MONTHS, 0x61, false}},
	{"0 3 * * 0-2", {1, 8, ALL_DAYS, ALL_MONTHS, 0x07, false}},
	{"0 3 * * sun-2", {1, 8, ALL_DAYS, ALL_MONTHS, 0x07, false}},
	{"0 3 * * fri-sun", {1, 8, ALL_DAYS, ALL_MONTHS, 0x61, false}},
	{"0 3 * * 6-SUN", {1, 8, ALL_DAYS, ALL_MONTHS, 0x41, false}},
	{"0 3 * * sun-sun", {1, 8, ALL_DAYS, ALL_MONTHS, 1, false}},
	{"0 3 * * 0-sun", {1, 8, ALL_DAYS, ALL_MONTHS, 1, false}},
	{"0 3 * * 7-sun", {1, 8, ALL_DAYS, ALL_MONTHS, 1, false}},
	{"0 3 * * mon-sun/6", {1, 8, ALL_DAYS, ALL_MONTHS, 0x03, false}},
	{"0 3 * * */2", {1, 8, ALL_DAYS, ALL_MONTHS, 0x55, false}},
	{"0 3 * * 1-7/2", {1, 8, ALL_DAYS, ALL_MONTHS, 0x2b, false}},
	{"0 3 * * 0-7", {1, 8, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},

	/* Either day, or both: it hangs on their first characters. */
	{"0 0 13 * fri", {1, 1, 1 << 13, ALL_MONTHS, 0x20, true}},
	{"0 0 1-31 * fri", {1, 1, ALL_DAYS, ALL_MONTHS, 0x20, true}},
	{"0 0 13 * 0-6", {1, 1, 1 << 13, ALL_MONTHS, ALL_WEEKDAYS, true}},
	{"0 0 13,* * fri", {1, 1, ALL_DAYS, ALL_MONTHS, 0x20, true}},
	{"0 0 *,13 * fri", {1, 1, ALL_DAYS, ALL_MONTHS, 0x20, false}},
	{"0 0 */10 * fri", {1, 1, 2 | 1 << 11 | 1 << 21 | 1u << 31, ALL_MONTHS, 0x20, false}},
	{"0 0 13 * */5", {1, 1, 1 << 13, ALL_MONTHS, 0x21, false}},

	/* words, and blanks */
	{"@hourly", {1, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"@daily", {1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"@midnight", {1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"@weekly", {1, 1, ALL_DAYS, ALL_MONTHS, 1, false}},
	{"@monthly", {1, 1, 2, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"@yearly", {1, 1, 2, 2, ALL_WEEKDAYS, false}},
	{"@annually", {1, 1, 2, 2, ALL_WEEKDAYS, false}},
	{"  @Daily\t", {1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, false}},
	{"\t 0  3\t*\t\t* sun ", {1, 8, ALL_DAYS, ALL_MONTHS, 1, false}},
};

static bool
same_cron(const Cron *a, const Cron *b)
{
	return a->minutes == b->minutes && a->hours == b->hours && a->days == b->days
		&& a->months == b->months && a->weekdays == b->weekdays && a->either_day == b->either_day;
}

static void
meaning(void)
{
	for (size_t i = 0; i < lengthof(meanings); i++)
	{
		Cron		cron = {0};

		CHECK(parse(meanings[i].text, &cron) == CRON_OK, "%s", meanings[i].text);
		CHECK(same_cron(&cron, &meanings[i].cron), "%s", meanings[i].text);
	}
}

static void
not_cron(void)
{
	static const char *const table[] = {
		"", " ", "*", "* * * *", "* * * * * *", "0 0 1 1", "0 0 1 1 0 2024", "30 days", "1 day", "manual", "daily",
		/* out of range */
		"60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
		"100 * * * *", "256 * * * *", "4294967296 * * * *", "18446744073709551616 * * * *", "-1 * * * *", "* -0 * * *",
		"0-60 * * * *", "* * 0-5 * *", "* * 1-32 * *", "* * * * 0-8", "* * * * 1-100",
		/* backwards */
		"5-4 * * * *", "* 23-0 * * *", "* * * dec-jan *", "* * * * fri-mon", "* * * * 5-0", "* * * * sat-00", "* * * sun-mon *",
		/* steps */
		"*/0 * * * *", "*/00 * * * *", "1-5/0 * * * *", "*/61 * * * *", "*/90 * * * *", "* */25 * * *", "* * */32 * *",
		"* * * */13 *", "* * * * */8", "0-10/61 * * * *", "5/10 * * * *", "* * * jan/2 *", "*/ * * * *", "*/* * * * *", "*/-1 * * * *",
		"*/5/2 * * * *", "1-5/2/2 * * * *", "*/mon * * * *", "* * * */feb *", "/5 * * * *", "*/+5 * * * *",
		/* lists and ranges that are not whole */
		", * * * *", "1, * * * *", ",1 * * * *", "1,,2 * * * *", "1- * * * *", "-5 * * * *", "1--5 * * * *", "1-2-3 * * * *",
		"*-5 * * * *", "1-* * * * *", "** * * * *", "*5 * * * *", "5* * * * *", "1;2 * * * *", "1.5 * * * *", "0x5 * * * *",
		"+5 * * * *", "1, 2 * * * *", "1 - 5 * * * *", "*** * *", "0 3 * *sun", "0 0 1jan mon", "1 2 3 jan\xff" "mon",
		/* names in the wrong place, or not names */
		"jan * * * *", "* mon * * *", "* * sun * *", "* * * sun *", "* * * * jan", "* * * january *", "* * * * sunday",
		"* * * * su", "* * * * s", "* * * * mon1", "* * * * 1mon", "* * * * monday-fri", "* * * ja *", "* * * j@n *", "* * * * m0n",
		/* words */
		"@", "@every", "@reboot", "@dail", "@dailyy", "@daily *", "@daily 0 0 * * *", "@ daily", "daily", "@hourly @daily",
		"@every 5m", "@DAILY\n", "\xef\xbc\xa0" "daily",
		/* what stands between the fields, and what else there may be */
		"0\n3 * * sun", "0 3 * * sun\n", "0\v3 * * sun", "0\f3 * * sun", "0\xc2\xa0" "3 * * sun", "0,3,*,*,sun",
		"0 3 * * l", "0 3 l * *", "0 3 ? * *", "0 3 15w * *", "0 3 * * 5#2", "0 3 * * 5l", "h h * * *", "~ * * * *", "0 3 * * sun!",
		"\xd9\xa3 * * * *", "0 3 * * \xc4\xb1",
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		Cron		cron;

		CHECK(parse(table[i], &cron) == CRON_INVALID, "\"%s\"", table[i]);
	}
}

/* A zero byte, or any other that has no business there, at any place. */
static void
every_byte(void)
{
	static const char text[] = "0 3 * * 0";

	for (size_t at = 0; at < sizeof(text) - 1; at++)
		for (int c = 0; c < 256; c++)
		{
			char		copy[sizeof(text) - 1];
			Cron		cron;

			memcpy(copy, text, sizeof(copy));
			copy[at] = (char) c;
			if (c == 0 || strchr(" \t*0123456789", c) == NULL)
				CHECK(cron_parse(copy, sizeof(copy), &cron) == CRON_INVALID, "byte %d at %zu", c, at);
		}
}

static void
never(void)
{
	static const char *const table[] = {
		"0 0 30 2 *", "0 0 31 2 *", "0 0 30,31 feb *", "0 0 30-31 2 */2", "0 0 31 4 *", "0 0 31 4,6,9,nov *", "0 0 31 2-6/2 *",
	};
	static const char *const ever[] = {
		"0 0 29 2 *", "0 0 31 2 0", "0 0 31 4,6,9,11,12 *", "0 0 30 2-4 *", "0 0 29 2 */7", "0 0 28-31 2 *", "0 0 31 */2 *",
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		Cron		cron;

		CHECK(parse(table[i], &cron) == CRON_NEVER, "%s", table[i]);
	}
	for (size_t i = 0; i < lengthof(ever); i++)
	{
		Cron		cron;

		CHECK(parse(ever[i], &cron) == CRON_OK, "%s", ever[i]);
	}
}

static int64_t
at(int64_t year, int month, int day, int hour, int minute)
{
	return calendar_to_day((CalendarDate) {year, month, day}) * DAY + hour * HOUR + minute * MINUTE;
}

static const struct
{
	const char *text;
	int			from[5];
	int			to[5];
}			nexts[] = {
	{"* * * * *", {2024, 1, 1, 0, 0}, {2024, 1, 1, 0, 1}},
	{"* * * * *", {2023, 12, 31, 23, 59}, {2024, 1, 1, 0, 0}},
	{"0 3 * * sun", {2024, 5, 1, 12, 0}, {2024, 5, 5, 3, 0}},
	{"0 3 * * sun", {2024, 5, 5, 2, 59}, {2024, 5, 5, 3, 0}},
	{"0 3 * * sun", {2024, 5, 5, 3, 0}, {2024, 5, 12, 3, 0}},
	{"30 */6 * * *", {2024, 5, 5, 18, 30}, {2024, 5, 6, 0, 30}},
	{"59 23 31 12 *", {2023, 12, 31, 23, 59}, {2024, 12, 31, 23, 59}},
	{"0 0 1 * *", {2024, 1, 31, 12, 0}, {2024, 2, 1, 0, 0}},
	{"0 0 31 * *", {2024, 3, 31, 0, 0}, {2024, 5, 31, 0, 0}},
	{"0 0 */15 * *", {2023, 2, 19, 0, 0}, {2023, 3, 1, 0, 0}},
	{"15,45 8-10 * * *", {2024, 5, 5, 8, 45}, {2024, 5, 5, 9, 15}},
	{"15,45 8-10 * * *", {2024, 5, 5, 10, 45}, {2024, 5, 6, 8, 15}},
	{"15,45 8-10 * * *", {2024, 5, 5, 8, 50}, {2024, 5, 5, 9, 15}},

	/* either day, both days */
	{"0 0 13 * fri", {2024, 5, 10, 0, 0}, {2024, 5, 13, 0, 0}},
	{"0 0 13 * fri", {2024, 5, 13, 0, 0}, {2024, 5, 17, 0, 0}},
	{"0 0 13 * */5", {2024, 5, 13, 0, 0}, {2024, 9, 13, 0, 0}},
	{"0 0 */2 * mon", {2024, 5, 13, 0, 0}, {2024, 5, 27, 0, 0}},
	{"0 0 1-7,* * mon", {2024, 5, 13, 0, 0}, {2024, 5, 14, 0, 0}},
	{"0 0 30 2 mon", {2024, 2, 26, 0, 0}, {2025, 2, 3, 0, 0}},

	/* leap days, which centuries leave out, and which are Sundays after up to 40 years */
	{"0 0 29 2 *", {2024, 2, 28, 23, 59}, {2024, 2, 29, 0, 0}},
	{"0 0 29 2 *", {2024, 2, 29, 0, 0}, {2028, 2, 29, 0, 0}},
	{"0 0 29 2 *", {2096, 2, 29, 0, 0}, {2104, 2, 29, 0, 0}},
	{"0 0 29 2 *", {1996, 2, 29, 0, 0}, {2000, 2, 29, 0, 0}},
	{"0 0 29 2 */7", {2088, 2, 29, 0, 0}, {2128, 2, 29, 0, 0}},
	{"0 0 29 2 */7", {2004, 2, 29, 0, 0}, {2032, 2, 29, 0, 0}},

	/* before 1970, before the year 1, and as late as a timestamp can be */
	{"0 12 25 12 *", {1969, 1, 1, 0, 0}, {1969, 12, 25, 12, 0}},
	{"0 0 1 1 *", {-4712, 12, 31, 23, 59}, {-4711, 1, 1, 0, 0}},
	{"0 0 29 2 *", {-1, 12, 1, 0, 0}, {0, 2, 29, 0, 0}},
	{"0 0 1 1 *", {294276, 12, 31, 0, 0}, {294277, 1, 1, 0, 0}},
};

static void
next_local(void)
{
	for (size_t i = 0; i < lengthof(nexts); i++)
	{
		const int  *f = nexts[i].from;
		const int  *t = nexts[i].to;
		Cron		cron = fields(nexts[i].text);
		int64_t		from = at(f[0], f[1], f[2], f[3], f[4]);
		int64_t		to = at(t[0], t[1], t[2], t[3], t[4]);

		CHECK(cron_next_local(&cron, from) == to, "%s, row %zu", nexts[i].text, i);
		CHECK(cron_next_local(&cron, from + 59) == to, "%s, row %zu", nexts[i].text, i);
		CHECK(cron_next_local(&cron, to - 1) == to, "%s, row %zu", nexts[i].text, i);
	}
}

/* Does that minute match?  By its date, in no hurry. */
static bool
minute_matches(const Cron *cron, int64_t local)
{
	int			second;
	int64_t		number = calendar_split(local, &second);
	CalendarDate date = calendar_from_day(number);
	bool		day = cron->days >> date.day & 1;
	bool		weekday = cron->weekdays >> calendar_weekday(number) & 1;

	return second % 60 == 0 && (cron->minutes >> second / 60 % 60 & 1) && (cron->hours >> second / 3600 & 1)
		&& (cron->months >> date.month & 1) && (cron->either_day ? day || weekday : day && weekday);
}

static uint32_t
some_bits(int low, int high)
{
	uint32_t	bits = 0;

	if (pick(3) == 0)
		return (uint32_t) ((UINT64_C(2) << high) - (UINT64_C(1) << low));
	for (int n = 1 + (int) pick(3); n > 0; n--)
		bits |= UINT32_C(1) << (low + (int) pick((uint32_t) (high - low + 1)));
	return bits;
}

/* Minute by minute, for up to 40 days. */
static void
against_each_minute(void)
{
	long		found = 0;

	for (int i = 0; i < 2500; i++)
	{
		Cron		cron = {
			.minutes = pick(4) == 0 ? ALL_MINUTES : (uint64_t) some_bits(0, 29) << pick(31),
			.hours = some_bits(0, 23), .days = some_bits(1, 31), .months = some_bits(1, 12) | some_bits(1, 12) | some_bits(1, 12),
			.weekdays = some_bits(0, 6), .either_day = pick(2),
		};
		int64_t		from = (int64_t) pick(1000000000) * 13 - 1000000000;
		int64_t		next;

		cron.months |= 1 << 1;	/* so that there is a day */
		next = cron_next_local(&cron, from);
		CHECK(next > from && minute_matches(&cron, next), "%d", i);
		for (int64_t local = from - from % 60; local < next && local < from + 40 * DAY; local += MINUTE)
			CHECK(local <= from || !minute_matches(&cron, local), "%d", i);
		found += next < from + 40 * DAY;
	}
	CHECK(found > 1250, "%ld", found);
}

static void
by_walls(void)
{
	static SlowWall slow;
	long		found = 0;

	for (int i = 0; i < 2000; i++)
	{
		Cron		cron = fields("* * * * *");

		cron.minutes = pick(2) == 0 ? ALL_MINUTES : (uint64_t) some_bits(0, 29) << pick(31);
		cron.hours = pick(2) == 0 ? ALL_HOURS : 1 << 23 | 1;
		slow_wall_make(&slow, pick);
		for (int j = 0; j < 50; j++)
		{
			int64_t		after = pick(SLOW_END);
			int64_t		wanted = slow_wall_next(&slow, cron.minutes, cron.hours, after);
			int64_t		next = cron_next(&cron, &slow.wall, after);

			CHECK(wanted < 0 ? next >= SLOW_END : next == wanted, "%d, after %lld", i, (long long) after);
			found += wanted >= 0;
		}
	}
	CHECK(found > 30000, "%ld", found);
}

int
main(void)
{
	RUN(meaning);
	RUN(not_cron);
	RUN(every_byte);
	RUN(never);
	RUN(next_local);
	RUN(against_each_minute);
	RUN(by_walls);
	return check_summary("cron");
}
