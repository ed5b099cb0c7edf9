/*
 * fuzz_cron.c: cron fields, 0xff, and then numbers: a time to begin at, and a
 * wall.
 *
 * What is read says the same when it is written otherwise; and what comes next
 * is later, matches, and nothing before it does: by the minute for some days, by
 * the day for a year, and by the second on a small wall.
 */
#include "property.h"

#include "rotation/calendar.h"
#include "rotation/cron.h"

#include "../unit/slow_wall.h"

#define DAYS_BY_MINUTE 2
#define DAYS_BY_DAY 400

static const uint8_t *numbers;
static size_t nnumbers;

/* From the input; 0 when it is used up. */
static uint32_t
take_below(uint32_t n)
{
	uint32_t	number = 0;

	for (int i = 0; i < 2 && nnumbers > 0; i++, nnumbers--)
		number = number << 8 | *numbers++;
	return number % n;
}

static bool
same_bits(const Cron *a, const Cron *b)
{
	return a->minutes == b->minutes && a->hours == b->hours && a->days == b->days && a->months == b->months && a->weekdays == b->weekdays;
}

static bool
same_cron(const Cron *a, const Cron *b)
{
	return same_bits(a, b) && a->either_day == b->either_day;
}

static size_t
write_list(char *out, uint64_t bits, int low)
{
	size_t		len = 0;

	for (int i = low; i < 64; i++)
		if (bits >> i & 1)
			len += (size_t) sprintf(out + len, "%s%d", len > 0 ? "," : "", i);
	return len + (size_t) sprintf(out + len, " ");
}

/* Its bits are in bounds, and written out one by one they are read as they are. */
static void
check_written(const Cron *cron)
{
	char		text[600];
	size_t		len = 0;
	Cron		again;

	PROPERTY(cron->minutes != 0 && cron->minutes >> 60 == 0);
	PROPERTY(cron->hours != 0 && cron->hours >> 24 == 0);
	PROPERTY(cron->days != 0 && (cron->days & 1) == 0);
	PROPERTY(cron->months != 0 && (cron->months & 1) == 0 && cron->months >> 13 == 0);
	PROPERTY(cron->weekdays != 0 && cron->weekdays >> 7 == 0);
	len += write_list(text + len, cron->minutes, 0);
	len += write_list(text + len, cron->hours, 0);
	len += write_list(text + len, cron->days, 1);
	len += write_list(text + len, cron->months, 1);
	len += write_list(text + len, cron->weekdays, 0);
	PROPERTY(cron_parse(text, len, &again) == CRON_OK && again.either_day && same_bits(&again, cron));
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters in the other case and more blanks change nothing. */
static void
check_dressed(const Part *part, CronResult result, const Cron *cron)
{
	char	   *text = exact_room(2 * part->len + 2);
	size_t		len = 0;
	Cron		again;

	text[len++] = '\t';
	for (size_t i = 0; i < part->len; i++)
	{
		char		c = part->data[i];

		text[len++] = is_letter(c) ? (char) (c ^ 0x20) : c;
		if (c == ' ' || c == '\t')
			text[len++] = ' ';
	}
	text[len++] = ' ';
	PROPERTY(cron_parse(text, len, &again) == result);
	PROPERTY(result != CRON_OK || same_cron(&again, cron));
	free(text);
}

static bool
day_matches(const Cron *cron, int64_t number)
{
	CalendarDate date = calendar_from_day(number);
	bool		day = cron->days >> date.day & 1;
	bool		weekday = cron->weekdays >> calendar_weekday(number) & 1;

	return (cron->months >> date.month & 1) && (cron->either_day ? day || weekday : day && weekday);
}

static bool
minute_matches(const Cron *cron, int64_t local)
{
	int			second;
	int64_t		day = calendar_split(local, &second);

	return second % 60 == 0 && (cron->minutes >> second / 60 % 60 & 1) && (cron->hours >> second / 3600 & 1)
		&& day_matches(cron, day);
}

static void
check_next(const Cron *cron, int64_t from)
{
	int64_t		next = cron_next_local(cron, from);
	int64_t		end = from + DAYS_BY_MINUTE * CALENDAR_SECONDS_A_DAY;
	int			second;
	int64_t		today = calendar_split(from, &second);
	int64_t		day = calendar_split(next, &second);

	PROPERTY(next > from && next - from < 41 * 366 * CALENDAR_SECONDS_A_DAY);
	PROPERTY(minute_matches(cron, next));
	PROPERTY(cron_next_local(cron, next - 1) == next);
	PROPERTY(cron_next_local(cron, from + (next - 1 - from) / 2) == next);
	for (int64_t local = from - from % 60; local < next && local < end; local += 60)
		PROPERTY(local <= from || !minute_matches(cron, local));
	for (int64_t i = today + 1; i < day && i < today + DAYS_BY_DAY; i++)
		PROPERTY(!day_matches(cron, i));
}

static void
check_by_wall(const Cron *cron)
{
	static SlowWall slow;
	Cron		daily = *cron;	/* the wall is too small for days */

	daily.days = 0xfffffffe;
	daily.months = 0x1ffe;
	daily.weekdays = 0x7f;
	slow_wall_make(&slow, take_below);
	for (int i = 0; i < 4; i++)
	{
		int64_t		after = take_below(SLOW_END);
		int64_t		wanted = slow_wall_next(&slow, daily.minutes, daily.hours, after);
		int64_t		next = cron_next(&daily, &slow.wall, after);

		PROPERTY(wanted < 0 ? next >= SLOW_END : next == wanted);
		PROPERTY(cron_next(cron, &slow.wall, after) >= next);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		text = next_part(&data, &size);
	Cron		cron;
	CronResult	result = cron_parse(text.data, text.len, &cron);

	check_dressed(&text, result, &cron);
	if (result == CRON_OK)
	{
		int64_t		from = 0;

		check_written(&cron);
		for (int i = 0; i < 5 && size > 0; i++, size--)
			from = from << 8 | *data++;
		check_next(&cron, from * 9 - INT64_C(212000000000));
		numbers = data;
		nnumbers = size;
		check_by_wall(&cron);
	}
	free(text.data);
	return 0;
}
