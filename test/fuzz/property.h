/*
 * property.h: what the fuzz targets share: properties, and inputs cut to size.
 */
#ifndef FUZZ_PROPERTY_H
#define FUZZ_PROPERTY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says which property does not hold, and stops, so that libFuzzer keeps the input. */
#define PROPERTY(holds) \
	do { \
		if (!(holds)) \
		{ \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
			abort(); \
		} \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly that size, so that ASan sees a step past its end. */
static inline void *
exact_room(size_t len)
{
	void	   *room = malloc(len > 0 ? len : 1);

	if (room == NULL)
		abort();
	/* Something to be seen if it is given out unwritten. */
	memset(room, 0xaa, len > 0 ? len : 1);
	return room;
}

/* One of the texts that an input is made of. */
typedef struct Part
{
	char	   *data;
	size_t		len;
} Part;

/* The next part of the input: up to the next 0xff byte, which no part contains. */
static inline Part
next_part(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size > 0 ? memchr(*data, 0xff, *size) : NULL;
	size_t		len = end ? (size_t) (end - *data) : *size;
	Part		part = {exact_room(len), len};

	if (len > 0)
		memcpy(part.data, *data, len);
	*size -= end ? len + 1 : len;
	*data += end ? len + 1 : len;
	return part;
}

static inline bool
all_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

#endif
