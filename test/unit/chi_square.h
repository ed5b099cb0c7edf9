/*
 * chi_square.h: does a die look loaded?
 */
#ifndef TEST_CHI_SQUARE_H
#define TEST_CHI_SQUARE_H

#include <math.h>
#include <stdbool.h>

/*
 * True when counts in n cells are as even as chance leaves them.  The threshold
 * is six standard deviations out (Wilson and Hilferty's cube root makes the
 * statistic nearly normal), so that an honest generator fails once in a
 * thousand million runs.
 */
static inline bool
looks_even(const long *counts, int n)
{
	double		total = 0;
	double		chi_square = 0;
	double		freedom = n - 1;
	double		spread = 2 / (9 * freedom);

	for (int i = 0; i < n; i++)
		total += (double) counts[i];
	for (int i = 0; i < n; i++)
	{
		double		off = (double) counts[i] - total / n;

		chi_square += off * off / (total / n);
	}
	return (cbrt(chi_square / freedom) - (1 - spread)) / sqrt(spread) < 6;
}

#endif
