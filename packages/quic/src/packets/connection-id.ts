/**
 * Length of the connection ids that this endpoint gives itself. Short headers do not carry it, so it is fixed; every
 * packet carries the id, so it is no longer than the least that RFC 9000, section 7.2, asks of a first packet's.
 */
export const CONNECTION_ID_BYTES = 8;
