/*
 * crypto/alt_name.c
 */
#include "crypto/alt_name.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_label(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(label[i]) && !is_digit(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

/* What ends in a number is, or was to be, an address. */
static bool
is_number(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(label[i]))
			return false;
	return true;
}

static bool
is_dns_name(const char *name)
{
	size_t		len;

	if (strlen(name) > DNS_NAME_MAX)
		return false;
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	for (;; name += len + 1)
	{
		len = strcspn(name, ".");
		if (!is_label(name, len))
			return false;
		if (name[len] == '\0')
			return !is_number(name, len);
	}
}

bool
alt_name_parse(const char *text, AltName *name)
{
	name->is_address = true;
	name->len = 4;
	if (inet_pton(AF_INET, text, name->bytes) == 1)
		return true;
	name->len = 16;
	if (inet_pton(AF_INET6, text, name->bytes) == 1)
		return true;
	name->is_address = false;
	if (!is_dns_name(text))
		return false;
	name->len = strlen(text);
	memcpy(name->bytes, text, name->len);
	return true;
}

bool
is_printable_line(const char *text, size_t max)
{
	size_t		len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len > 0 && len <= max;
}
