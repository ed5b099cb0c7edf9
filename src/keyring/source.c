/*
 * keyring/source.c
 */
#include "postgres.h"

#include "keyring/source.h"

static const KeySource sources[] = {
	{"file:", source_file_load},
	{"command:", source_command_load},
};

static const KeySource *
find_source(const char *place)
{
	for (int i = 0; i < lengthof(sources); i++)
		if (strncmp(place, sources[i].scheme, strlen(sources[i].scheme)) == 0)
			return &sources[i];
	return NULL;
}

bool
source_is_known(const char *place)
{
	return find_source(place) != NULL;
}

bool
source_load(const char *place, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN])
{
	const KeySource *source;
	const char *where;

	if (place == NULL || place[0] == '\0')
	{
		strlcpy(why, "secrets.root_key is empty", SOURCE_WHY_LEN);
		return false;
	}
	source = find_source(place);
	if (source == NULL)
	{
		/* Not quoted: somebody may have put the key itself there. */
		strlcpy(why, "secrets.root_key begins with neither file: nor command:", SOURCE_WHY_LEN);
		return false;
	}
	where = place + strlen(source->scheme);
	if (where[0] != '/')
	{
		snprintf(why, SOURCE_WHY_LEN, "what follows %s is not an absolute path", source->scheme);
		return false;
	}
	return source->load(where, key, why);
}
