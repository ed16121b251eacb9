#include "services/rtp-packager/transcode/source_codec.h"

#include <algorithm>

namespace headwater::packager {
namespace {

using enum SourceCodec;

constexpr std::array kDecoders = std::to_array<AllowedDecoder>({
    {AV_CODEC_ID_MP3, "mp3float", kMpegAudio, "MP3"},
    {AV_CODEC_ID_MP2, "mp2float", kMpegAudio, "MP2"},
    {AV_CODEC_ID_MP1, "mp1float", kMpegAudio, "MP1"},
    {AV_CODEC_ID_AAC, "aac", kAac, "AAC"},
    {AV_CODEC_ID_AAC_LATM, "aac_latm", kAac, "AAC in LATM"},
    {AV_CODEC_ID_OPUS, "opus", kOpus, "Opus"},
    {AV_CODEC_ID_VORBIS, "vorbis", kVorbis, "Vorbis"},
    {AV_CODEC_ID_SPEEX, "speex", kSpeex, "Speex"},
    {AV_CODEC_ID_FLAC, "flac", kFlac, "FLAC"},
    {AV_CODEC_ID_ALAC, "alac", kAlac, "ALAC"},
    {AV_CODEC_ID_WAVPACK, "wavpack", kWavPack, "WavPack"},
    {AV_CODEC_ID_WMAV1, "wmav1", kWma, "Windows Media Audio 1"},
    {AV_CODEC_ID_WMAV2, "wmav2", kWma, "Windows Media Audio 2"},
    {AV_CODEC_ID_WMAPRO, "wmapro", kWma, "Windows Media Audio Pro"},
    {AV_CODEC_ID_WMALOSSLESS, "wmalossless", kWma, "Windows Media Audio Lossless"},
    {AV_CODEC_ID_WMAVOICE, "wmavoice", kWma, "Windows Media Audio Voice"},
    {AV_CODEC_ID_AC3, "ac3", kAc3, "AC-3"},
    {AV_CODEC_ID_EAC3, "eac3", kAc3, "E-AC-3"},
    {AV_CODEC_ID_DTS, "dca", kDts, "DTS"},
    {AV_CODEC_ID_PCM_U8, "pcm_u8", kPcm, "PCM 8 bit"},
    {AV_CODEC_ID_PCM_S8, "pcm_s8", kPcm, "PCM 8 bit"},
    {AV_CODEC_ID_PCM_S16LE, "pcm_s16le", kPcm, "PCM 16 bit"},
    {AV_CODEC_ID_PCM_S16BE, "pcm_s16be", kPcm, "PCM 16 bit"},
    {AV_CODEC_ID_PCM_S24LE, "pcm_s24le", kPcm, "PCM 24 bit"},
    {AV_CODEC_ID_PCM_S24BE, "pcm_s24be", kPcm, "PCM 24 bit"},
    {AV_CODEC_ID_PCM_S32LE, "pcm_s32le", kPcm, "PCM 32 bit"},
    {AV_CODEC_ID_PCM_S32BE, "pcm_s32be", kPcm, "PCM 32 bit"},
    {AV_CODEC_ID_PCM_F32LE, "pcm_f32le", kPcm, "PCM float"},
    {AV_CODEC_ID_PCM_F32BE, "pcm_f32be", kPcm, "PCM float"},
    {AV_CODEC_ID_PCM_ALAW, "pcm_alaw", kPcm, "PCM A-law"},
    {AV_CODEC_ID_PCM_MULAW, "pcm_mulaw", kPcm, "PCM u-law"},
});

constexpr std::array<std::string_view, kSourceCodecs> kNames = {
    "unknown", "mpeg_audio", "aac", "opus", "vorbis", "speex", "flac",
    "alac",    "wavpack",    "wma", "ac3",  "dts",    "pcm"};

}  // namespace

std::string_view SourceCodecName(SourceCodec codec) { return kNames[static_cast<size_t>(codec)]; }

const AllowedDecoder* FindAllowedDecoder(AVCodecID id) {
  const auto found = std::find_if(kDecoders.begin(), kDecoders.end(),
                                  [&](const AllowedDecoder& each) { return each.id == id; });
  return found == kDecoders.end() ? nullptr : &*found;
}

}  // namespace headwater::packager
