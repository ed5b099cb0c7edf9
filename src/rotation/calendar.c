/*
 * rotation/calendar.c
 *
 * Years begin in March here: then the leap day is the last of its year, and the
 * lengths of months follow one rule, 153 days in five.  The calendar repeats
 * after 400 years.
 */
#include "rotation/calendar.h"

#define DAYS_BEFORE_1970	719468	/* since March 1st of the year 0 */
#define DAYS_OF_400_YEARS	146097
#define DAYS_OF_100_YEARS	36524
#define DAYS_OF_4_YEARS		1461

static int64_t
divide_down(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}

int64_t
calendar_to_day(CalendarDate date)
{
	int64_t		year = date.year - (date.month <= 2);
	int			month = (date.month + 9) % 12;	/* since March */

	return 365 * year + divide_down(year, 4) - divide_down(year, 100) + divide_down(year, 400)
		+ (153 * month + 2) / 5 + date.day - 1 - DAYS_BEFORE_1970;
}

CalendarDate
calendar_from_day(int64_t day)
{
	int64_t		cycle = divide_down(day + DAYS_BEFORE_1970, DAYS_OF_400_YEARS);
	int			left = (int) (day + DAYS_BEFORE_1970 - cycle * DAYS_OF_400_YEARS);
	int			year;
	int			month;

	/* Each leap day before this one takes a day off what is divided by 365. */
	year = (left - left / (DAYS_OF_4_YEARS - 1) + left / DAYS_OF_100_YEARS - left / (DAYS_OF_400_YEARS - 1)) / 365;
	left -= 365 * year + year / 4 - year / 100;
	month = (5 * left + 2) / 153;
	left -= (153 * month + 2) / 5;
	return (CalendarDate) {cycle * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9, left + 1};
}

int
calendar_month_length(int64_t year, int month)
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int
calendar_weekday(int64_t day)
{
	return (int) (day + 4 - 7 * divide_down(day + 4, 7));	/* day 0 was a Thursday */
}

int64_t
calendar_split(int64_t local, int *second)
{
	int64_t		day = divide_down(local, CALENDAR_SECONDS_A_DAY);

	*second = (int) (local - day * CALENDAR_SECONDS_A_DAY);
	return day;
}

int64_t
calendar_add(int64_t local, int months, int days)
{
	int			second;
	CalendarDate date = calendar_from_day(calendar_split(local, &second));
	int64_t		month = date.month - 1 + (int64_t) months;
	int			length;

	date.year += month / 12;
	date.month = (int) (month % 12) + 1;
	length = calendar_month_length(date.year, date.month);
	if (date.day > length)
		date.day = length;
	return (calendar_to_day(date) + days) * CALENDAR_SECONDS_A_DAY + second;
}
