/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output.h"
#include "stream/stream.h"

struct seen {
	json_t *config;
	unsigned version, major, minor, vcpus;
	uint64_t last_pfn, pages, tables;
	uint8_t *present;	/* a bit for each frame */
};

static int take_config(void *arg, const char *text, size_t size, struct why *why)
{
	struct seen *s = arg;

	/* Only for its name: what is not JSON is no reason to refuse the guest. */
	s->config = json_loadb(text, strnlen(text, size), 0, NULL);
	return 0;
}

static int take_image(void *arg, unsigned version, unsigned major, unsigned minor, struct why *why)
{
	struct seen *s = arg;

	s->version = version;
	s->major = major;
	s->minor = minor;
	return 0;
}

static int take_p2m(void *arg, uint64_t last_pfn, const uint64_t *pfns, unsigned n, struct why *why)
{
	struct seen *s = arg;

	s->last_pfn = last_pfn;
	s->present = calloc(1, last_pfn / 8 + 1);
	return s->present ? 0 : why_set(why, -ENOMEM, "no memory");
}

static int take_pages(void *arg, const uint64_t *words, unsigned n, const uint8_t *data, struct why *why)
{
	struct seen *s = arg;

	for (unsigned i = 0; i < n; i++) {
		uint64_t pfn = STREAM_FRAME_PFN(words[i]);
		uint8_t bit = 1u << pfn % 8;

		if (!stream_frame_has_data(words[i]))
			continue;
		s->pages += !(s->present[pfn / 8] & bit);
		s->present[pfn / 8] |= bit;
		s->tables += STREAM_FRAME_TYPE(words[i]) != STREAM_DATA;
	}
	return 0;
}

static int take_vcpu(void *arg, enum stream_vcpu kind, unsigned vcpu, const uint8_t *data, size_t size, struct why *why)
{
	((struct seen *)arg)->vcpus += kind == STREAM_VCPU_BASIC;
	return 0;
}

static const struct stream_taker taker = {
	.config = take_config, .image = take_image, .p2m = take_p2m, .pages = take_pages, .vcpu = take_vcpu,
};

static int read_all(void *from, void *to, size_t n)
{
	if (fread(to, 1, n, from) == n)
		return 0;
	return ferror(from) ? -EIO : -ENODATA;
}

static json_t *describe(const struct seen *s)
{
	const char *name = json_string_value(json_object_get(json_object_get(s->config, "c_info"), "name"));
	char xen[32];
	json_t *o;

	snprintf(xen, sizeof(xen), "%u.%u", s->major, s->minor);
	o = json_pack("{s:i, s:s, s:i, s:I, s:I, s:I}", "version", (int)s->version, "saved_on", xen, "vcpus", (int)s->vcpus,
		      "memory_kib", (json_int_t)s->pages * 4, "frames", (json_int_t)s->last_pfn + 1, "page_tables",
		      (json_int_t)s->tables);
	if (o && name)
		json_object_set_new(o, "name", json_string(name));
	return o;
}

int verb_image(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "--json", NULL };
	struct seen s = { NULL };
	char *words[1];
	unsigned flags;
	json_t *o;
	FILE *f;
	int rc = verb_options(argc, argv, known, &flags, words, 1, why);

	if (rc != 1)
		return rc ? rc : why_set(why, -EINVAL, "which file? anel image FILE");
	f = fopen(words[0], "r");
	if (!f)
		return why_set(why, -errno, "%s: %s", words[0], strerror(errno));
	rc = stream_read_file(read_all, f, &taker, &s, why);
	if (!rc && fgetc(f) != EOF)
		rc = why_set(why, -EINVAL, "something follows the guest's end");
	fclose(f);
	o = rc ? NULL : describe(&s);
	if (rc)
		rc = why_prefix(why, rc, "%s: ", words[0]);
	else if (flags & 1)
		output_json(o);
	else
		output_fields(o);
	json_decref(o);
	json_decref(s.config);
	free(s.present);
	return rc;
}
