BEGIN IMMEDIATE;
CREATE TABLE addons (
	application_id VARCHAR NOT NULL,
	active BOOLEAN NOT NULL,
	credential VARCHAR NOT NULL,
	provider VARCHAR NOT NULL,
	origin VARCHAR NOT NULL,
	next_credential VARCHAR,
	next_provider VARCHAR,
	next_origin VARCHAR,
	CONSTRAINT fk_addons_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT pk_addons PRIMARY KEY (application_id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE applications (
	id VARCHAR NOT NULL,
	organization_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	active BOOLEAN NOT NULL,
	version INTEGER NOT NULL,
	policy BLOB NOT NULL,
	created_at DOUBLE NOT NULL, external_name VARCHAR, erased_at DOUBLE,
	CONSTRAINT fk_applications_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT pk_applications PRIMARY KEY (id)
);
CREATE TABLE "audit" (
	id INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	organization_id VARCHAR NOT NULL,
	application_id VARCHAR,
	user_id VARCHAR,
	what VARCHAR NOT NULL,
	detail VARCHAR NOT NULL,
	token_id VARCHAR,
	hash BLOB NOT NULL,
	CONSTRAINT fk_audit_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT fk_audit_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT fk_audit_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
CREATE TABLE changes (
	cursor INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	application_id VARCHAR NOT NULL,
	changed_at DOUBLE NOT NULL
);
CREATE TABLE erasure_orders (
	subject VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	organization_id VARCHAR NOT NULL,
	application_id VARCHAR,
	name VARCHAR NOT NULL,
	user_id VARCHAR,
	token_id VARCHAR,
	ordered_at DOUBLE NOT NULL,
	receipt VARCHAR,
	settled_at DOUBLE,
	CONSTRAINT fk_erasure_orders_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT fk_erasure_orders_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT fk_erasure_orders_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT pk_erasure_orders PRIMARY KEY (subject)
);
CREATE TABLE "invitations" (
	id VARCHAR NOT NULL,
	token_hash BLOB NOT NULL,
	organization_id VARCHAR NOT NULL,
	role VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL,
	expires_at DOUBLE NOT NULL,
	accepted_at DOUBLE,
	created_by VARCHAR,
	CONSTRAINT fk_invitations_created_by FOREIGN KEY(created_by) REFERENCES users (id),
	CONSTRAINT fk_invitations_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT pk_invitations PRIMARY KEY (id),
	CONSTRAINT uq_invitations_token_hash UNIQUE (token_hash)
);
CREATE TABLE known_destinations (
	provider VARCHAR NOT NULL,
	origin VARCHAR NOT NULL,
	CONSTRAINT pk_known_destinations PRIMARY KEY (provider, origin)
);
CREATE TABLE management_tokens (
	id VARCHAR NOT NULL,
	organization_id VARCHAR NOT NULL,
	token_hash BLOB NOT NULL,
	name VARCHAR NOT NULL,
	scopes VARCHAR NOT NULL,
	created_by VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL,
	last_used_at DOUBLE,
	expires_at DOUBLE,
	revoked_at DOUBLE,
	CONSTRAINT fk_management_tokens_created_by FOREIGN KEY(created_by) REFERENCES users (id),
	CONSTRAINT fk_management_tokens_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT pk_management_tokens PRIMARY KEY (id),
	CONSTRAINT uq_management_tokens_token_hash UNIQUE (token_hash)
);
CREATE TABLE organizations (
	id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL, retention_days INTEGER DEFAULT '365' NOT NULL, retention_ran_at DOUBLE, retention_deleted INTEGER, erased_at DOUBLE, budgets BLOB,
	CONSTRAINT pk_organizations PRIMARY KEY (id)
);
CREATE TABLE origins (
	application_id VARCHAR NOT NULL,
	origin VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL,
	CONSTRAINT fk_origins_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT pk_origins PRIMARY KEY (application_id, origin)
);
CREATE TABLE probes (
	credential VARCHAR NOT NULL,
	version INTEGER NOT NULL,
	application_id VARCHAR NOT NULL,
	user_id VARCHAR,
	model VARCHAR NOT NULL,
	result VARCHAR NOT NULL,
	status INTEGER NOT NULL,
	duration_ms INTEGER NOT NULL,
	tested_at DOUBLE NOT NULL,
	CONSTRAINT fk_probes_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT fk_probes_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT pk_probes PRIMARY KEY (credential, version)
);
CREATE TABLE session_keys (
	kid VARCHAR NOT NULL,
	application_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	algorithm VARCHAR NOT NULL,
	public_key BLOB NOT NULL,
	created_at DOUBLE NOT NULL,
	created_by VARCHAR,
	revoked_at DOUBLE,
	CONSTRAINT fk_session_keys_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT fk_session_keys_created_by FOREIGN KEY(created_by) REFERENCES users (id),
	CONSTRAINT pk_session_keys PRIMARY KEY (kid)
);
CREATE TABLE sign_ins (
	token_hash BLOB NOT NULL,
	user_id VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL,
	last_seen_at DOUBLE NOT NULL,
	confirmed_at DOUBLE NOT NULL,
	CONSTRAINT fk_sign_ins_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT pk_sign_ins PRIMARY KEY (token_hash)
);
CREATE TABLE tickets_asked (
	credential VARCHAR NOT NULL,
	version INTEGER NOT NULL,
	application_id VARCHAR NOT NULL,
	user_id VARCHAR,
	asked_at DOUBLE NOT NULL, deposited_at DOUBLE,
	CONSTRAINT fk_tickets_asked_application_id FOREIGN KEY(application_id) REFERENCES applications (id),
	CONSTRAINT fk_tickets_asked_user_id FOREIGN KEY(user_id) REFERENCES users (id),
	CONSTRAINT pk_tickets_asked PRIMARY KEY (credential, version)
);
CREATE TABLE usage (
	id INTEGER NOT NULL,
	proxy VARCHAR NOT NULL,
	epoch VARCHAR NOT NULL,
	sequence INTEGER NOT NULL,
	request VARCHAR NOT NULL,
	started_at DOUBLE NOT NULL,
	organization_id VARCHAR NOT NULL,
	application_id VARCHAR NOT NULL,
	pseudonym VARCHAR NOT NULL,
	endpoint VARCHAR NOT NULL,
	action VARCHAR NOT NULL,
	model VARCHAR NOT NULL,
	outcome VARCHAR NOT NULL,
	status INTEGER NOT NULL,
	input_tokens INTEGER NOT NULL,
	output_tokens INTEGER NOT NULL,
	cached_tokens INTEGER NOT NULL,
	estimated BOOLEAN NOT NULL,
	first_byte_ms INTEGER NOT NULL,
	duration_ms INTEGER NOT NULL, cost_nano_usd BIGINT, price_table VARCHAR, pictures INTEGER DEFAULT '0' NOT NULL, sound_ms INTEGER DEFAULT '0' NOT NULL, credential VARCHAR DEFAULT '' NOT NULL, provider VARCHAR DEFAULT '' NOT NULL, origin VARCHAR DEFAULT '' NOT NULL, tries INTEGER DEFAULT '1' NOT NULL,
	CONSTRAINT pk_usage PRIMARY KEY (id),
	CONSTRAINT uq_usage_proxy_epoch_sequence UNIQUE (proxy, epoch, sequence)
);
CREATE TABLE users (
	id VARCHAR NOT NULL,
	organization_id VARCHAR NOT NULL,
	role VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	email VARCHAR NOT NULL,
	password_hash VARCHAR NOT NULL,
	created_at DOUBLE NOT NULL, removed_at DOUBLE, notices_read_to INTEGER DEFAULT '0' NOT NULL, notices_mailed_to INTEGER,
	CONSTRAINT fk_users_organization_id FOREIGN KEY(organization_id) REFERENCES organizations (id),
	CONSTRAINT pk_users PRIMARY KEY (id),
	CONSTRAINT uq_users_email UNIQUE (email)
);
DELETE FROM "sqlite_sequence";
CREATE INDEX ix_applications_organization_id ON applications (organization_id);
CREATE INDEX ix_audit_application_id ON audit (application_id);
CREATE INDEX ix_audit_organization_id ON audit (organization_id);
CREATE INDEX ix_erasure_orders_organization_id ON erasure_orders (organization_id);
CREATE INDEX ix_management_tokens_organization_id ON management_tokens (organization_id);
CREATE INDEX ix_probes_application_id ON probes (application_id);
CREATE INDEX ix_session_keys_application_id ON session_keys (application_id);
CREATE INDEX ix_sign_ins_user_id ON sign_ins (user_id);
CREATE INDEX ix_tickets_asked_application_id ON tickets_asked (application_id);
CREATE INDEX ix_usage_application_started ON usage (application_id, started_at);
CREATE INDEX ix_usage_organization_id ON usage (organization_id);
CREATE INDEX ix_usage_organization_started ON usage (organization_id, started_at);
CREATE INDEX ix_users_organization_id ON users (organization_id);
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the record of changes is only added to'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the record of changes is only added to'); END;
CREATE UNIQUE INDEX ix_applications_organization_external_name ON applications (organization_id, external_name);
COMMIT;
