/*
 * policy/privilege.c
 */
#include "postgres.h"

#include "policy/privilege.h"

static const char *const names[NUM_PRIVILEGES] = {
	[PRIV_LIST] = "list",
	[PRIV_READ] = "read",
	[PRIV_WRITE] = "write",
	[PRIV_ROTATE] = "rotate",
	[PRIV_DELETE] = "delete",
	[PRIV_DESTROY] = "destroy",
	[PRIV_GRANT] = "grant",
	[PRIV_ENCRYPT] = "encrypt",
	[PRIV_DECRYPT] = "decrypt",
	[PRIV_SIGN] = "sign",
	[PRIV_VERIFY] = "verify",
	[PRIV_LEASE] = "lease",
	[PRIV_AUDIT] = "audit",
	[PRIV_OPERATE] = "operate",
};

const char *
privilege_name(Privilege privilege)
{
	return names[privilege];
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && pg_strncasecmp(text, word, len) == 0;
}

bool
privilege_find(const char *word, size_t len, Privilege *privilege)
{
	for (int i = 0; i < NUM_PRIVILEGES; i++)
		if (is_word(word, len, names[i]))
		{
			*privilege = (Privilege) i;
			return true;
		}
	return false;
}

bool
privilege_parse(const char *words, PrivilegeSet all, PrivilegeSet *set)
{
	static const char between[] = ", \t\r\n";
	size_t		len = strlen(words);

	if (len >= 2 && words[0] == '{' && words[len - 1] == '}')
		words++, len -= 2;
	*set = 0;
	for (const char *end = words + len; words < end;)
	{
		size_t		n = strcspn(words, between);
		Privilege	privilege;

		n = Min(n, (size_t) (end - words));
		if (is_word(words, n, "all"))
			*set |= all;
		else if (n > 0 && privilege_find(words, n, &privilege))
			*set |= PRIVILEGE(privilege);
		else if (n > 0)
			return false;
		words += n;
		words += strspn(words, between);
	}
	return *set != 0;
}
