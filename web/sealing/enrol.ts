/** Starts the enrolment page; built into one file, which the vault serves and pins by its hash. */
import { EnrolmentPage } from "./enrol-page.ts";

void new EnrolmentPage().begin();
