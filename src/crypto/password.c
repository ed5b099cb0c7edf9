/*
 * crypto/password.c
 *
 * Draw from the union of the classes, and throw the whole password away when a
 * class is missing: forcing one in at a chosen place would favour some.
 */
#include "crypto/password.h"
#include "crypto/random.h"

#include <string.h>

#define NCLASSES 5

static const struct
{
	const char *name;
	const char *characters;
}			classes_by_bit[NCLASSES] = {
	{"lower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"digit", "0123456789"},
	{"symbol", "-._~"},
	{"punctuation", "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}"},
};

int
password_class(const char *name, size_t len)
{
	for (int i = 0; i < NCLASSES; i++)
		if (strlen(classes_by_bit[i].name) == len && memcmp(classes_by_bit[i].name, name, len) == 0)
			return 1 << i;
	return 0;
}

/* Fills alphabet with what is wanted and not excluded, and class_of with the class of each. */
static bool
make_alphabet(int classes, const char *exclude, size_t nexclude,
			  char *alphabet, uint8_t *class_of, uint32_t *n)
{
	*n = 0;
	if (classes & ~((1 << NCLASSES) - 1))
		return false;			/* a class that does not exist is empty, and would never be seen */
	for (int i = 0; i < NCLASSES; i++)
	{
		uint32_t	before = *n;

		if (!(classes & 1 << i))
			continue;
		for (const char *c = classes_by_bit[i].characters; *c; c++)
		{
			if (nexclude > 0 && memchr(exclude, *c, nexclude) != NULL)
				continue;
			class_of[*n] = (uint8_t) (1 << i);
			alphabet[(*n)++] = *c;
		}
		if (*n == before)
			return false;
	}
	return *n > 0;
}

PasswordResult
password_generate(size_t length, int classes, const char *exclude, size_t nexclude, char *out)
{
	char		alphabet[128];
	uint8_t		class_of[128];
	uint32_t	n;
	int			seen;

	if (length < 1 || length > PASSWORD_MAX_LEN || length < (size_t) __builtin_popcount((unsigned) classes))
		return PASSWORD_BAD_LENGTH;
	if (!make_alphabet(classes, exclude, nexclude, alphabet, class_of, &n))
		return PASSWORD_EMPTY_CLASS;
	do
	{
		seen = 0;
		for (size_t i = 0; i < length; i++)
		{
			uint32_t	draw;

			if (!random_below(n, &draw))
			{
				crypto_wipe(out, length);
				return PASSWORD_BROKEN;
			}
			out[i] = alphabet[draw];
			seen |= class_of[draw];
			crypto_wipe(&draw, sizeof(draw));
		}
	} while (seen != classes);
	return PASSWORD_OK;
}
