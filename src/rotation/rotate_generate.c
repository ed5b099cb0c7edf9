/*
 * rotation/rotate_generate.c: a value that stands for itself.
 *
 * Its kind and options are those of secrets.generate(), given with the schedule;
 * what is not given is as the secret was generated.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "gate/gate.h"
#include "rotation/options.h"
#include "rotation/rotator.h"

typedef struct Recipe
{
	char	   *kind;
	struct varlena *options;
} Recipe;

/* The schedule's words go first; the kind is a secret's own as long as nobody names another. */
static Recipe
find_recipe(const Rotation *rotation, const Secret *secret)
{
	Recipe		given;
	Recipe		own = {.kind = NULL};

	given.options = options_take_text(rotation->options, "kind", &given.kind);
	if (secret->generator)
		own.options = options_take_text(secret->generator, "kind", &own.kind);
	if (own.kind && options_are_empty(rotation->options))
		return own;
	if (given.kind == NULL)
		given.kind = own.kind ? own.kind : "password";
	return given;
}

static Generated
make(const Turn *turn)
{
	Recipe		recipe = find_recipe(&turn->rotation, &turn->secret);

	return kv_make_value(recipe.kind, recipe.options);
}

/*
 * Options can leave so little to chance that whoever chose them knows the value:
 * so they are for who may write it anyhow.
 */
static void
require_write(const Turn *turn)
{
	if (!options_are_empty(turn->rotation.options))
		(void) turn_require(turn, PRIV_WRITE);
}

/* That the options are good is known when a value was made by them: not from the first rotation at night. */
static void
check(Turn *turn, bool scheduling)
{
	Generated	sample;

	require_write(turn);
	if (!scheduling)
		return;
	sample = make(turn);
	buffer_free(sample.plain.bytes);
}

static Generated
rotate(Turn *turn)
{
	return make(turn);
}

bool
generate_makes_certificates(const Rotation *rotation, const Secret *secret)
{
	return strcmp(rotation->rotator, rotator_generate.name) == 0
		&& strcmp(find_recipe(rotation, secret).kind, "x509") == 0;
}

const Rotator rotator_generate = {.name = "generate",.check = check,.rotate = rotate};
