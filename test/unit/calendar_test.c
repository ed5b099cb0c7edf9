/*
 * calendar_test.c: days and dates, against the C library's.
 */
#include "rotation/calendar.h"

#include <time.h>

#include "check.h"

static bool
same_date(CalendarDate a, CalendarDate b)
{
	return a.year == b.year && a.month == b.month && a.day == b.day;
}

static void
check_day(int64_t day)
{
	time_t		noon = day * CALENDAR_SECONDS_A_DAY + 43200;
	struct tm	tm;
	CalendarDate date = calendar_from_day(day);

	if (gmtime_r(&noon, &tm) == NULL)
		abort();
	CHECK(same_date(date, (CalendarDate) {tm.tm_year + 1900L, tm.tm_mon + 1, tm.tm_mday}), "day %lld", (long long) day);
	CHECK(calendar_to_day(date) == day, "day %lld", (long long) day);
	CHECK(calendar_weekday(day) == tm.tm_wday, "day %lld", (long long) day);
	CHECK(date.day <= calendar_month_length(date.year, date.month), "day %lld", (long long) day);
}

/* All that a timestamp can hold, in part day by day: from 4714 BC to 294276. */
static void
days_and_dates(void)
{
	for (int64_t day = -150000; day < 150000; day++)
		check_day(day);
	for (int i = 0; i < 1000000; i++)
		check_day((int64_t) pick(120000000) - 5000000);
}

/* Between the last of one month and the first of the next there is no day. */
static void
months(void)
{
	for (int64_t year = -800; year <= 3200; year++)
		for (int month = 1; month <= 12; month++)
		{
			CalendarDate last = {year, month, calendar_month_length(year, month)};
			CalendarDate first = {year + month / 12, month % 12 + 1, 1};

			CHECK(calendar_to_day(last) + 1 == calendar_to_day(first), "%lld-%d", (long long) year, month);
		}
	CHECK(calendar_month_length(1900, 2) == 28 && calendar_month_length(2000, 2) == 29);
	CHECK(calendar_month_length(2100, 2) == 28 && calendar_month_length(2104, 2) == 29);
	CHECK(calendar_month_length(-4, 2) == 29 && calendar_month_length(-100, 2) == 28);
}

static void
splitting(void)
{
	static const struct
	{
		int64_t		local;
		int64_t		day;
		int			second;
	}			table[] = {
		{0, 0, 0}, {86399, 0, 86399}, {86400, 1, 0}, {-1, -1, 86399}, {-86400, -1, 0}, {-86401, -2, 86399},
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		int			second;

		CHECK(calendar_split(table[i].local, &second) == table[i].day && second == table[i].second,
			  "%lld", (long long) table[i].local);
	}
}

static void
adding(void)
{
	static const struct
	{
		CalendarDate from;
		int			months;
		int			days;
		CalendarDate to;
	}			table[] = {
		{{2023, 1, 31}, 1, 0, {2023, 2, 28}}, {{2024, 1, 31}, 1, 0, {2024, 2, 29}}, {{2024, 1, 31}, 2, 0, {2024, 3, 31}},
		{{2023, 1, 31}, 1, 1, {2023, 3, 1}}, {{2024, 2, 29}, 12, 0, {2025, 2, 28}}, {{2024, 2, 29}, 48, 0, {2028, 2, 29}},
		{{2096, 2, 29}, 48, 0, {2100, 2, 28}}, {{2023, 12, 31}, 1, 0, {2024, 1, 31}}, {{2023, 12, 1}, 0, 31, {2024, 1, 1}},
		{{2023, 11, 30}, 3, 0, {2024, 2, 29}}, {{2023, 5, 15}, 1200, 0, {2123, 5, 15}}, {{2023, 3, 1}, 0, 36525, {2123, 3, 2}},
		{{-1, 12, 31}, 2, 0, {0, 2, 29}}, {{2023, 7, 4}, 0, 0, {2023, 7, 4}},
	};

	for (size_t i = 0; i < lengthof(table); i++)
		for (int second = 0; second < 86400; second += 86399)
		{
			int64_t		from = calendar_to_day(table[i].from) * CALENDAR_SECONDS_A_DAY + second;
			int			is_at;
			int64_t		to = calendar_split(calendar_add(from, table[i].months, table[i].days), &is_at);

			CHECK(same_date(calendar_from_day(to), table[i].to) && is_at == second, "row %zu", i);
		}
}

int
main(void)
{
	RUN(days_and_dates);
	RUN(months);
	RUN(splitting);
	RUN(adding);
	return check_summary("calendar");
}
