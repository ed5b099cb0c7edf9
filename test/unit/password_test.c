/*
 * password_test.c: every class there, nothing excluded there, no password favoured.
 */
#include "crypto/password.h"

#include "check.h"
#include "chi_square.h"

#include <ctype.h>

#define ALL_CLASSES (PASSWORD_DEFAULT | PASSWORD_PUNCTUATION)

static const char lower[] = "abcdefghijklmnopqrstuvwxyz";

/* The classes as the header describes them, not as the code lists them. */
static int
class_of(char c)
{
	if (islower((unsigned char) c))
		return PASSWORD_LOWER;
	if (isupper((unsigned char) c))
		return PASSWORD_UPPER;
	if (isdigit((unsigned char) c))
		return PASSWORD_DIGIT;
	if (c != '\0' && strchr("-._~", c))
		return PASSWORD_SYMBOL;
	return c > ' ' && c < 0x7f ? PASSWORD_PUNCTUATION : 0;
}

static int
classes_in(const char *password, size_t len)
{
	int			classes = 0;

	for (size_t i = 0; i < len; i++)
	{
		CHECK(class_of(password[i]) != 0, "byte %d", password[i]);
		classes |= class_of(password[i]);
	}
	return classes;
}

/* Generates into room of exactly that length. */
static PasswordResult
generate(size_t len, int classes, const char *exclude, char *out)
{
	char	   *room = malloc(len > 0 ? len : 1);
	PasswordResult result = password_generate(len, classes, exclude, strlen(exclude), room);

	if (result == PASSWORD_OK)
		memcpy(out, room, len);
	free(room);
	return result;
}

static void
class_names(void)
{
	CHECK(password_class("lower", 5) == PASSWORD_LOWER);
	CHECK(password_class("upper", 5) == PASSWORD_UPPER);
	CHECK(password_class("digit", 5) == PASSWORD_DIGIT);
	CHECK(password_class("symbol", 6) == PASSWORD_SYMBOL);
	CHECK(password_class("punctuation", 11) == PASSWORD_PUNCTUATION);
	CHECK(password_class("", 0) == 0);
	CHECK(password_class("lowe", 4) == 0);
	CHECK(password_class("lowercase", 9) == 0);
	CHECK(password_class("lowercase", 5) == PASSWORD_LOWER);
	CHECK(password_class("Lower", 5) == 0);
	CHECK(password_class("digit\0", 6) == 0);
	CHECK(password_class("digits", 6) == 0);
}

/* Every set of classes, at every short length: exactly those, and at least once each. */
static void
every_class_occurs(void)
{
	for (int classes = 1; classes <= ALL_CLASSES; classes++)
		for (size_t len = (size_t) __builtin_popcount((unsigned) classes); len <= 24; len++)
			for (int repeat = 0; repeat < 5; repeat++)
			{
				char		password[24];

				CHECK(generate(len, classes, "", password) == PASSWORD_OK);
				CHECK(classes_in(password, len) == classes, "classes %d, length %zu", classes, len);
			}
}

/* All of printable ASCII but the blank, each in one class. */
static void
every_character_occurs(void)
{
	static char password[PASSWORD_MAX_LEN];
	bool		seen[256] = {false};

	for (int repeat = 0; repeat < 5; repeat++)
	{
		CHECK(generate(PASSWORD_MAX_LEN, ALL_CLASSES, "", password) == PASSWORD_OK);
		for (size_t i = 0; i < PASSWORD_MAX_LEN; i++)
			seen[(unsigned char) password[i]] = true;
	}
	for (int c = 0; c < 256; c++)
		CHECK(seen[c] == (c > ' ' && c < 0x7f), "byte %d", c);
}

static void
exclusion(void)
{
	static const char *const excludes[] = {"0O1lI", "abc", "-", "!\"#$%&'()*+,/:;<=>?@[\\]^`{|", "0123456",
		"aAzZ09~}"};

	for (size_t i = 0; i < lengthof(excludes); i++)
		for (int repeat = 0; repeat < 200; repeat++)
		{
			char		password[60];

			CHECK(generate(60, ALL_CLASSES, excludes[i], password) == PASSWORD_OK);
			CHECK(classes_in(password, 60) == ALL_CLASSES);
			for (int j = 0; j < 60; j++)
				CHECK(strchr(excludes[i], password[j]) == NULL, "%c", password[j]);
		}
}

static void
one_character_left(void)
{
	char		exclude[26];
	char		password[50];

	memcpy(exclude, lower, 25);
	exclude[25] = '\0';
	CHECK(generate(50, PASSWORD_LOWER, exclude, password) == PASSWORD_OK);
	CHECK(all_bytes(password, 50, 'z'));
}

static void
refused(void)
{
	char		room[PASSWORD_MAX_LEN];

	CHECK(generate(0, PASSWORD_LOWER, "", room) == PASSWORD_BAD_LENGTH);
	CHECK(generate(PASSWORD_MAX_LEN, PASSWORD_LOWER, "", room) == PASSWORD_OK);
	CHECK(password_generate(PASSWORD_MAX_LEN + 1, PASSWORD_LOWER, NULL, 0, room) == PASSWORD_BAD_LENGTH);
	CHECK(password_generate(SIZE_MAX, PASSWORD_LOWER, NULL, 0, room) == PASSWORD_BAD_LENGTH);
	for (int classes = 1; classes <= ALL_CLASSES; classes++)
	{
		size_t		wanted = (size_t) __builtin_popcount((unsigned) classes);

		CHECK(generate(wanted - 1, classes, "", room) == PASSWORD_BAD_LENGTH);
	}

	CHECK(generate(10, PASSWORD_LOWER, lower, room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(10, PASSWORD_UPPER | PASSWORD_DIGIT, "0123456789", room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(10, PASSWORD_DEFAULT, "~_.-", room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(10, 0, "", room) == PASSWORD_EMPTY_CLASS);
}

/* A class that does not exist has no characters; it must not be waited for. */
static void
unknown_classes(void)
{
	char		room[64];

	CHECK(generate(40, 32, "", room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(40, PASSWORD_LOWER | 32, "", room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(40, ALL_CLASSES | 1 << 30, "", room) == PASSWORD_EMPTY_CLASS);
	CHECK(generate(40, -1, "", room) == PASSWORD_EMPTY_CLASS);
}

/* The letters a, b and the digit 0, so short that every password can be counted. */
static void
every_password_alike(size_t len, int npasswords)
{
	char		exclude[40];
	long		counts[81] = {0};
	long		dense[81];
	int			n = 0;

	snprintf(exclude, sizeof(exclude), "%s123456789", lower + 2);
	for (int i = 0; i < 20000; i++)
	{
		char		password[4];
		int			number = 0;

		CHECK(generate(len, PASSWORD_LOWER | PASSWORD_DIGIT, exclude, password) == PASSWORD_OK);
		for (size_t j = 0; j < len; j++)
			number = 3 * number + (password[j] == '0' ? 0 : password[j] - 'a' + 1);
		counts[number]++;
	}
	for (size_t i = 0; i < lengthof(counts); i++)
		if (counts[i] > 0)
			dense[n++] = counts[i];
	CHECK(n == npasswords, "%d passwords of length %zu", n, len);
	CHECK(looks_even(dense, n), "length %zu", len);
}

static void
no_password_favoured(void)
{
	every_password_alike(2, 4);	/* 3^len, less those without a letter (1), or without the digit (2^len) */
	every_password_alike(3, 18);
	every_password_alike(4, 64);
}

static void
no_character_favoured(void)
{
	long		counts[256] = {0};
	long		dense[94];

	for (int i = 0; i < 100; i++)
	{
		char		password[1000];

		CHECK(generate(1000, ALL_CLASSES, "", password) == PASSWORD_OK);
		for (int j = 0; j < 1000; j++)
			counts[(unsigned char) password[j]]++;
	}
	memcpy(dense, counts + '!', sizeof(dense));
	CHECK(looks_even(dense, 94));
}

int
main(void)
{
	RUN(class_names);
	RUN(every_class_occurs);
	RUN(every_character_occurs);
	RUN(exclusion);
	RUN(one_character_left);
	RUN(refused);
	RUN(unknown_classes);
	RUN(no_password_favoured);
	RUN(no_character_favoured);
	return check_summary("password");
}
