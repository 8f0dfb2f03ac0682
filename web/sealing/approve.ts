/** Starts the approvals page; built into one file, which the vault serves and pins by its hash. */
import { ApprovalPage } from "./approve-page.ts";

void new ApprovalPage().begin();
