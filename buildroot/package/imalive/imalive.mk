################################################################################
#
# imalive
#
################################################################################

IMALIVE_VERSION = 0.1.0
IMALIVE_LICENSE = Apache-2.0 or MIT
IMALIVE_LICENSE_FILES = LICENSE-APACHE LICENSE-MIT

ifneq ($(call qstrip,$(BR2_PACKAGE_IMALIVE_SITE)),)
IMALIVE_SITE = $(call qstrip,$(BR2_PACKAGE_IMALIVE_SITE))
else
IMALIVE_SITE = $(realpath $(BR2_EXTERNAL_IMALIVE_PATH)/..)
IMALIVE_SITE_METHOD = local
# A tree that was taken out of its checkout would copy whatever is beside it.
ifeq ($(BR2_PACKAGE_IMALIVE)$(BR_BUILDING),yy)
ifeq ($(wildcard $(BR2_EXTERNAL_IMALIVE_PATH)/../Cargo.toml),)
$(error No source beside $(BR2_EXTERNAL_IMALIVE_PATH): set BR2_PACKAGE_IMALIVE_SITE, or use the tree of a checkout)
endif
endif
endif

# Not what the checkout was built into: gigabytes.
IMALIVE_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude /target \
	--exclude /fuzz

# cargo-package vendors the crates into what it downloads, and builds offline
# from there. A local source, this one or that of IMALIVE_OVERRIDE_SRCDIR, is
# never downloaded: its crates are vendored just before the build, which is
# after each rsync and, unlike rsync, once host-rustc is there. Nothing is
# fetched while Cargo.lock stays the same, nor where VENDOR/ and
# .cargo/config.toml come with the source.
define IMALIVE_VENDOR_CRATES
	cd $(@D) && \
	if ! grep -qs VENDOR .cargo/config.toml || \
		{ test -e VENDOR/.Cargo.lock && \
		! cmp -s Cargo.lock VENDOR/.Cargo.lock; }; then \
		mkdir -p .cargo $(BR_CARGO_HOME) && \
		$(TARGET_MAKE_ENV) $(PKG_COMMON_CARGO_ENV) \
			flock $(BR_CARGO_HOME)/.br-lock \
			cargo vendor --locked VENDOR > .vendored && \
		cp Cargo.lock VENDOR/.Cargo.lock && \
		mv .vendored .cargo/config.toml; \
	fi
endef
IMALIVE_PRE_BUILD_HOOKS += IMALIVE_VENDOR_CRATES

IMALIVE_CARGO_FEATURES = std

ifneq ($(BR2_PACKAGE_IMALIVE_SLIM),y)
IMALIVE_CARGO_FEATURES += docs
IMALIVE_CARGO_FEATURES += monitors
IMALIVE_CARGO_FEATURES += otlp
endif

# The unit is of Type=notify: without this it would never be up.
ifeq ($(BR2_INIT_SYSTEMD),y)
IMALIVE_CARGO_FEATURES += systemd
endif

# cargo install builds what it finds not to be built with the same features.
IMALIVE_CARGO_BUILD_OPTS = \
	--no-default-features \
	--features "$(IMALIVE_CARGO_FEATURES)"
IMALIVE_CARGO_INSTALL_OPTS = $(IMALIVE_CARGO_BUILD_OPTS)

# cargo-package sets opt-level, LTO and codegen-units from BR2_OPTIMIZE_*
# and BR2_ENABLE_LTO, over those of Cargo.toml. The size of the program is
# what stays in memory, so this sets them again. For x86_64 with glibc, with
# BR2_OPTIMIZE_2: 642,056 bytes instead of 902,936; slim 621,576 instead of
# 872,088.
IMALIVE_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_OPT_LEVEL="z" \
	CARGO_PROFILE_RELEASE_LTO="fat" \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS="1" \
	CARGO_PROFILE_RELEASE_PANIC="abort" \
	CARGO_PROFILE_RELEASE_STRIP="$(if $(BR2_ENABLE_DEBUG),none,symbols)"

# For /manifest and imalive_build_info: .git is not rsynced.
IMALIVE_CHECKOUT = $(call qstrip,$(or $(IMALIVE_OVERRIDE_SRCDIR),$(IMALIVE_SITE)))
IMALIVE_CARGO_ENV += \
	IMALIVE_SHA="$(if $(wildcard $(IMALIVE_CHECKOUT)/.git),$(shell git -C $(IMALIVE_CHECKOUT) rev-parse --short=7 HEAD))"

define IMALIVE_USERS
	imalive -1 imalive -1 * - - - imalive daemon
endef

define IMALIVE_INSTALL_DEFAULT
	$(INSTALL) -D -m 0644 $(IMALIVE_PKGDIR)/imalive.default \
		$(TARGET_DIR)/etc/default/imalive
endef
IMALIVE_POST_INSTALL_TARGET_HOOKS += IMALIVE_INSTALL_DEFAULT

# It may hold passwords, and the agent runs as imalive. The slim one has no use
# for it.
ifneq ($(BR2_PACKAGE_IMALIVE_SLIM),y)
define IMALIVE_INSTALL_MONITORS
	$(INSTALL) -D -m 0640 $(IMALIVE_PKGDIR)/imalive.yml \
		$(TARGET_DIR)/etc/imalive/imalive.yml
endef
IMALIVE_POST_INSTALL_TARGET_HOOKS += IMALIVE_INSTALL_MONITORS

define IMALIVE_PERMISSIONS
	/etc/imalive/imalive.yml f 0640 root imalive - - - - -
endef
endif

define IMALIVE_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(IMALIVE_PKGDIR)/S60imalive \
		$(TARGET_DIR)/etc/init.d/S60imalive
endef

define IMALIVE_INSTALL_INIT_OPENRC
	$(INSTALL) -D -m 0755 $(@D)/openrc/imalive.initd \
		$(TARGET_DIR)/etc/init.d/imalive
	$(INSTALL) -D -m 0644 $(@D)/openrc/imalive.confd \
		$(TARGET_DIR)/etc/conf.d/imalive
	mkdir -p $(TARGET_DIR)/etc/runlevels/default
	ln -sf /etc/init.d/imalive $(TARGET_DIR)/etc/runlevels/default/imalive
endef

# Not imalive.socket: it would be enabled too, and take LISTEN_PORT's place.
define IMALIVE_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/systemd/imalive.service \
		$(TARGET_DIR)/usr/lib/systemd/system/imalive.service
endef

$(eval $(cargo-package))
