//! temp
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use certctl_app::{Error, Result, Seal};
use zeroize::Zeroizing;
pub(crate) struct Temp(pub(crate) LessSafeKey);
impl Temp {
    pub(crate) fn new(text: &str) -> Self {
        let d = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, d.as_ref()).expect("32 bytes")))
    }
}
impl Seal for Temp {
    fn seal(&self, table: &str, column: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).expect("random");
        let mut data = plain.to_vec();
        let aad = Aad::from(format!("{table}|{column}|{row}"));
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut data)
            .map_err(|_| Error::internal("sealing"))?;
        Ok([nonce.as_slice(), &data].concat())
    }
    fn open(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (nonce, data) = sealed.split_at(NONCE_LEN);
        let mut data = data.to_vec();
        let aad = Aad::from(format!("{table}|{column}|{row}"));
        let n = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::internal("nonce"))?;
        let plain = self.0.open_in_place(n, aad, &mut data).map_err(|_| Error::internal("opening"))?;
        Ok(Zeroizing::new(plain.to_vec()))
    }
}
